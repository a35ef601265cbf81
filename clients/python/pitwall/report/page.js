"use strict";
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => head.addEventListener("click", () => {
    const rising = head.getAttribute("aria-sort") === "descending";
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", rising ? "ascending" : "descending");
    const value = (row) => {
      const cell = row.cells[column];
      if (!("v" in cell.dataset)) return cell.textContent;
      return cell.dataset.v === "" ? -Infinity : Number(cell.dataset.v);
    };
    const order = (a, b) => typeof a === "string" ? a.localeCompare(b) : a < b ? -1 : a > b ? 1 : 0;
    const rows = [...table.tBodies[0].rows].sort((a, b) => (rising ? 1 : -1) * order(value(a), value(b)));
    table.tBodies[0].append(...rows);
  }));
}
