// Tables sort by their headers, filter by words, and save what they show as CSV.

const collator = new Intl.Collator("en", { numeric: true });

// "≈ 9,252 ± 682" sorts as 9252, "−2" as -2.
const number = (text) => Number.parseFloat(
  text.replace(/^[<>≤≥≈~\s]+/, "").replace("−", "-").replaceAll(",", ""));

// Cells without a number stay last in both directions.
const byNumber = (index, sign) => (a, b) => {
  const [x, y] = [number(a.cells[index]), number(b.cells[index])];
  return Number.isNaN(x) - Number.isNaN(y) || sign * (x - y) || 0;
};
const byText = (index, sign) => (a, b) => sign * collator.compare(a.cells[index], b.cells[index]);

const makeSortable = (headers, rows, body) => {
  headers.forEach((header, index) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    header.append(button);
    header.ariaSort = "none";
    const compare = header.classList.contains("number") ? byNumber : byText;
    button.addEventListener("click", () => {
      const ascending = header.ariaSort !== "ascending";
      for (const other of headers) other.ariaSort = "none";
      header.ariaSort = ascending ? "ascending" : "descending";
      rows.sort(compare(index, ascending ? 1 : -1));
      body.append(...rows.map((entry) => entry.row));
    });
  });
};

const makeFilter = (tools, rows) => {
  const [box, count] = [tools.querySelector("input"), tools.querySelector("output")];
  const show = () => {
    const words = box.value.toLowerCase().split(/\s+/);
    for (const entry of rows) entry.row.hidden = !words.every((word) => entry.text.includes(word));
    const shown = rows.filter((entry) => !entry.row.hidden).length;
    count.textContent = count.dataset.words.replace("{shown}", shown).replace("{all}", rows.length);
  };
  box.addEventListener("input", show);
  show();
};

// A cell that begins like a formula would be run by spreadsheets; a number, or one with its
// interval, is none.
const harmless = (text) =>
  /^[=+@\t\r\n＝＋－＠]|^-(?![\d.])|^-[^]*[|!(=]/.test(text) ? `'${text}` : text;
const quoted = (text) => `"${harmless(text).replaceAll('"', '""')}"`;
const save = (name, lines) => {
  const text = lines.map((cells) => cells.map(quoted).join(",")).join("\r\n");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(["\ufeff", text, "\r\n"], { type: "text/csv" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
};

for (const tools of document.querySelectorAll(".tools")) {
  const table = tools.parentElement.querySelector("table");
  const headers = Array.from(table.tHead.rows[0].cells);
  const names = headers.map((header) => header.textContent);
  const rows = Array.from(table.tBodies[0].rows, (row) => ({
    row,
    cells: Array.from(row.cells, (cell) => cell.textContent),
    text: row.textContent.toLowerCase(),
  }));
  makeSortable(headers, rows, table.tBodies[0]);
  if (tools.querySelector("input")) makeFilter(tools, rows);
  const button = tools.querySelector(".export");
  button.addEventListener("click", () => {
    const shown = rows.filter((entry) => !entry.row.hidden).map((entry) => entry.cells);
    save(button.dataset.file, [names, ...shown]);
  });
  tools.hidden = false;
}
