// Search of the index. Without it the list is whole, and every report's figures unfold by a click.
(() => {
  "use strict";
  const box = document.getElementById("search");
  const field = box.querySelector("input");
  const said = box.querySelector("output");
  // Full-width letters, capitals and the commas of numbers make no difference.
  const plain = text => text.normalize("NFKC").toLowerCase().replace(/(\d),(?=\d)/g, "$1");
  const reports = [...document.querySelectorAll(".list > li")].map(item => ({
    item,
    text: plain(item.querySelector(".said").textContent + " " + item.dataset.also),
    fold: item.querySelector("details"),
    figures: [...item.querySelectorAll("details li")].map(figure => ({
      item: figure,
      text: plain(figure.textContent + " " + figure.dataset.also),
    })),
  }));

  function show() {
    const asked = plain(field.value).split(/\s+/).filter(Boolean);
    const hit = entry => asked.every(word => entry.text.includes(word));
    let pages = 0;
    let figures = 0;
    for (const report of reports) {
      const found = report.figures.filter(hit);
      for (const figure of report.figures) figure.item.hidden = !found.includes(figure);
      const shown = hit(report) || found.length > 0;
      report.item.hidden = !shown;
      if (report.fold) {
        report.fold.hidden = asked.length > 0 && found.length === 0;
        report.fold.open = asked.length > 0 && found.length > 0;
      }
      pages += shown ? 1 : 0;
      figures += found.length;
    }
    const words = pages ? said.dataset.found : said.dataset.nothing;
    said.textContent = asked.length ? words.replace("{pages}", pages).replace("{figures}", figures) : "";
  }

  field.addEventListener("input", show);
  box.hidden = false;
  show();
})();
