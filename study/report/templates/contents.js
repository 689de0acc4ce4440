// The contents follow the reader; light and dark.

const wide = matchMedia("(min-width: 64rem)");
const contents = document.querySelector("nav details");
const followWidth = () => { contents.open = wide.matches; };
wide.addEventListener("change", followWidth);
followWidth();
contents.addEventListener("click", (event) => {
  if (event.target.closest("a") && !wide.matches) contents.open = false;
});

const links = new Map(Array.from(
  document.querySelectorAll("nav a"), (link) => [link.hash.slice(1), link]));
const here = document.querySelector("nav .here");
const inView = new Set();

const mark = (current) => {
  for (const link of links.values()) link.removeAttribute("aria-current");
  current.setAttribute("aria-current", "true");
  here.textContent = current.textContent.trim();
  const list = contents.parentElement;
  const [box, frame] = [current.getBoundingClientRect(), list.getBoundingClientRect()];
  if (box.top < frame.top || box.bottom > frame.bottom) {
    list.scrollTop += box.top - frame.top - frame.height / 3;
  }
};

const sections = Array.from(document.querySelectorAll("main > section"));
const reading = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (entry.isIntersecting) inView.add(entry.target);
    else inView.delete(entry.target);
  }
  const first = sections.find((section) => inView.has(section));
  if (first && links.has(first.id)) mark(links.get(first.id));
}, { rootMargin: "-15% 0px -70% 0px" });
for (const section of sections) reading.observe(section);
mark(links.get(sections[0].id));

const root = document.documentElement;
const prefersDark = matchMedia("(prefers-color-scheme: dark)");
const theme = document.getElementById("theme");
const isDark = () => (root.dataset.theme || (prefersDark.matches ? "dark" : "light")) === "dark";
const nameTheme = () => { theme.ariaPressed = String(isDark()); };
theme.addEventListener("click", () => {
  root.dataset.theme = isDark() ? "light" : "dark";
  nameTheme();
});
prefersDark.addEventListener("change", nameTheme);
nameTheme();
theme.hidden = false;
