// Draws the charts that the page carries as JSON: one for each canvas with data-chart="the id of its JSON".
"use strict";

for (const canvas of document.querySelectorAll("canvas[data-chart]")) {
  const chart = JSON.parse(document.getElementById(canvas.dataset.chart).textContent);
  new Chart(canvas, {
    type: "bar",
    data: {
      labels: chart.labels,
      datasets: [{ label: chart.title, data: chart.values, backgroundColor: "#417690" }],
    },
    options: {
      animation: false,
      maintainAspectRatio: false,
      plugins: { legend: { display: false }, title: { display: true, text: chart.title } },
      scales: { y: { beginAtZero: true, ticks: { precision: 0 } } },
    },
  });
}
