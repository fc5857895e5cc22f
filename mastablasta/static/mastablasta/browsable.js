// A form with a file goes with its CSRF token in the header, and not in the body: the server reads that body only once
// it knows who sends it.
document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.querySelector("input[type=file]")) return;
  event.preventDefault();
  event.stopPropagation();
  const { csrfHeaderName, csrfToken } = JSON.parse(document.getElementById("drf_csrf").textContent);
  const body = new FormData(form);
  body.delete("csrfmiddlewaretoken");
  const response = await fetch(form.action, {
    method: "POST",
    body,
    headers: { Accept: "text/html", [csrfHeaderName]: csrfToken },
  });
  const page = await response.text();
  document.open("text/html");
  document.write(page);
  document.close();
}, true);
