"use strict";

const wide = matchMedia("(min-width: 64rem)");
const contents = document.querySelector("nav details");
const followWidth = () => { contents.open = wide.matches; };
wide.addEventListener("change", followWidth);
followWidth();
contents.addEventListener("click", (event) => {
  if (event.target.closest("a") && !wide.matches) contents.open = false;
});

const root = document.documentElement;
const prefersDark = matchMedia("(prefers-color-scheme: dark)");
const theme = document.getElementById("theme");
const isDark = () => (root.dataset.theme || (prefersDark.matches ? "dark" : "light")) === "dark";
const nameTheme = () => { theme.textContent = isDark() ? "Light" : "Dark"; };
theme.addEventListener("click", () => {
  root.dataset.theme = isDark() ? "light" : "dark";
  nameTheme();
});
prefersDark.addEventListener("change", nameTheme);
nameTheme();
theme.hidden = false;

const body = document.querySelector("#trial-table tbody");
const rows = Array.from(body.rows, (row) => ({
  row,
  cells: Array.from(row.cells, (cell) => cell.textContent),
  text: row.textContent.toLowerCase(),
}));
const text = new Intl.Collator("en", { numeric: true });

// Cells without a number stay last in both directions.
const byNumber = (index, sign) => (a, b) => {
  const [x, y] = [Number.parseFloat(a.cells[index]), Number.parseFloat(b.cells[index])];
  return Number.isNaN(x) - Number.isNaN(y) || sign * (x - y) || 0;
};
const byText = (index, sign) => (a, b) => sign * text.compare(a.cells[index], b.cells[index]);

const headers = Array.from(document.querySelectorAll("#trial-table th"));
headers.forEach((header, index) => {
  const button = document.createElement("button");
  button.type = "button";
  button.append(...header.childNodes);
  header.append(button);
  header.ariaSort = "none";
  const compare = header.classList.contains("number") ? byNumber : byText;
  button.addEventListener("click", () => {
    const ascending = header.ariaSort !== "ascending";
    headers.forEach((other) => { other.ariaSort = "none"; });
    header.ariaSort = ascending ? "ascending" : "descending";
    rows.sort(compare(index, ascending ? 1 : -1));
    body.append(...rows.map((entry) => entry.row));
  });
});

const filter = document.getElementById("trial-filter");
const showMatches = () => {
  const words = filter.value.toLowerCase().split(/\s+/);
  for (const entry of rows) entry.row.hidden = !words.every((word) => entry.text.includes(word));
  const shown = rows.filter((entry) => !entry.row.hidden).length;
  document.getElementById("trial-count").textContent = `${shown} of ${rows.length} trials`;
};
filter.addEventListener("input", showMatches);
filter.closest("[hidden]").hidden = false;
showMatches();
