"use strict";
// Comfort only: the page says all it has to say without this. Nothing is fetched, nothing is stored.
(function () {
  const text = (row, at) => (row.cells[at] ? row.cells[at].innerText.trim() : "");
  const compare = (a, b) => {
    const number = /^[-+]?[0-9.]+%?$/;
    const n = (s) => (s === "–" ? 0 : parseFloat(s));
    if ((number.test(a) || a === "–") && (number.test(b) || b === "–")) return n(a) - n(b);
    return a.localeCompare(b, "zh-Hans-CN", { numeric: true });
  };
  document.querySelectorAll("table[data-sort]").forEach((table) => {
    const bodies = Array.from(table.tBodies);
    const rows = (body) => Array.from(body.rows).filter((row) => row.cells.length > 1);
    if (!bodies.some((body) => rows(body).length > 1)) return;
    Array.from(table.tHead.rows[0].cells).forEach((head, at) => {
      const button = document.createElement("button");
      button.type = "button";
      button.title = "点一下排序";
      while (head.firstChild) button.appendChild(head.firstChild);
      head.appendChild(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        Array.from(head.parentNode.cells).forEach((each) => each.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        bodies.forEach((body) => rows(body)
          .sort((a, b) => (down ? -1 : 1) * compare(text(a, at).split("\n")[0], text(b, at).split("\n")[0]))
          .forEach((row) => body.appendChild(row)));
      });
    });
  });
  const chase = document.getElementById("chase");
  if (chase && chase.querySelector("tr[data-s]")) {
    const label = document.createElement("label");
    label.className = "find";
    label.textContent = "找学生 ";
    const input = document.createElement("input");
    input.type = "search";
    input.placeholder = "姓名、学号、班级或原因";
    label.appendChild(input);
    chase.insertBefore(label, chase.querySelector("details"));
    const first = Array.from(chase.querySelectorAll("details"), (each) => each.open);
    input.addEventListener("input", () => {
      const wanted = input.value.trim().toLowerCase();
      chase.querySelectorAll("details").forEach((group, at) => {
        let found = 0;
        group.querySelectorAll("[data-s]").forEach((row) => {
          const hit = !wanted || row.textContent.toLowerCase().includes(wanted);
          row.hidden = !hit;
          found += hit ? 1 : 0;
        });
        group.querySelectorAll("tbody").forEach((body) => { body.hidden = !body.querySelector("tr[data-s]:not([hidden])"); });
        group.open = wanted ? found > 0 : first[at];
        group.hidden = Boolean(wanted) && !found;
      });
    });
  }
  window.addEventListener("beforeprint", () => {
    document.querySelectorAll("details").forEach((group) => { group.open = true; });
  });
})();
