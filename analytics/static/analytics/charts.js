// Draws the charts that the page carries as JSON: one for each canvas with data-chart="the id of its JSON".
"use strict";

const style = getComputedStyle(document.documentElement);
const colour = (name) => style.getPropertyValue(name).trim();
Chart.defaults.color = colour("--body-medium-color");
Chart.defaults.borderColor = colour("--hairline-color");

for (const canvas of document.querySelectorAll("canvas[data-chart]")) {
  const chart = JSON.parse(document.getElementById(canvas.dataset.chart).textContent);
  new Chart(canvas, {
    type: "bar",
    data: {
      labels: chart.labels,
      datasets: [{ label: chart.title, data: chart.values, backgroundColor: colour("--bar-fg") }],
    },
    options: {
      animation: false,
      maintainAspectRatio: false,
      plugins: { legend: { display: false }, title: { display: true, text: chart.title } },
      scales: { y: { beginAtZero: true, ticks: { precision: 0 } } },
    },
  });
}
