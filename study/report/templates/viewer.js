// One dialog that enlarges figures and shows trials; closing it gives the place back.

const viewer = document.getElementById("viewer");
const heading = viewer.querySelector("h2");
const content = viewer.querySelector(".content");
viewer.querySelector(".close").addEventListener("click", () => viewer.close());
viewer.addEventListener("click", (event) => { if (event.target === viewer) viewer.close(); });

const open = (title, kind, ...nodes) => {
  heading.textContent = title;
  content.className = `content ${kind}`;
  content.replaceChildren(...nodes);
  content.scrollTo(0, 0);
  if (!viewer.open) viewer.showModal();
};

for (const figure of document.querySelectorAll(".picture")) {
  const image = figure.querySelector("img");
  const enlarge = () => open(
    figure.querySelector(".label").textContent, "image",
    image.cloneNode(), figure.querySelector("figcaption p").cloneNode(true));
  const button = figure.querySelector(".enlarge");
  button.hidden = false;
  button.addEventListener("click", enlarge);
  image.addEventListener("click", enlarge);
  image.classList.add("enlarges");
}

const target = () => {
  try {
    return document.getElementById(decodeURIComponent(location.hash.slice(1)));
  } catch {
    return null; // no valid address, so nothing here has that name
  }
};
const showTrial = () => {
  const trial = target();
  if (!trial?.classList.contains("trial")) {
    if (content.classList.contains("parts")) viewer.close();
    return;
  }
  const parts = trial.querySelector(".parts").cloneNode(true);
  open(trial.querySelector("summary").textContent, "parts", ...parts.childNodes);
};
viewer.addEventListener("close", () => {
  if (!content.classList.contains("parts")) return;
  content.className = "content";
  // Without this the same link would not open the trial a second time.
  history.replaceState(null, "", "#trials");
});
addEventListener("hashchange", showTrial);
showTrial();
