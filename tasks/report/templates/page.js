// Draws the plots when the page opens, in the page's own colours, and lets variants be switched on and off.
(() => {
  const specs = JSON.parse(document.getElementById("plots").textContent);
  const plots = [...document.querySelectorAll(".plot")];
  const dark = matchMedia("(prefers-color-scheme: dark)");

  const colours = () => {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const [text, rule, page, muted] = ["--text", "--rule", "--page", "--muted"].map(colour);
    const axes = ["xaxis", "yaxis"].flatMap((axis) => [
      [`${axis}.gridcolor`, rule],
      [`${axis}.linecolor`, rule],
      [`${axis}.zerolinecolor`, muted],
    ]);
    return {
      "font.color": text,
      "font.family": getComputedStyle(document.body).fontFamily,
      "hoverlabel.bgcolor": page,
      "hoverlabel.bordercolor": muted,
      "hoverlabel.font.color": text,
      ...Object.fromEntries(axes),
    };
  };

  const repaint = () => plots.forEach((plot) => Plotly.relayout(plot, colours()));

  plots.forEach((plot) => {
    const { data, layout } = specs[plot.id];
    const options = { responsive: true, displayModeBar: false, doubleClick: "reset" };
    Plotly.newPlot(plot, data, { ...layout, font: { size: 12 } }, options).then(() => Plotly.relayout(plot, colours()));
  });

  const show = (variants, visible) =>
    plots.forEach((plot) => {
      const traces = plot.data.flatMap((trace, at) => (trace.meta && variants.has(trace.meta.variant) ? [at] : []));
      if (traces.length) Plotly.restyle(plot, { visible }, traces);
    });
  const switches = [...document.querySelectorAll("[data-variant]")];
  switches.forEach((box) => box.addEventListener("change", () => show(new Set([box.dataset.variant]), box.checked)));
  document.querySelectorAll("[data-all]").forEach((button) =>
    button.addEventListener("click", () => {
      const on = button.dataset.all === "on";
      switches.forEach((box) => (box.checked = on));
      show(new Set(switches.map((box) => box.dataset.variant)), on);
    }),
  );

  dark.addEventListener("change", repaint);
  // On paper the page is light, whatever it is on the screen.
  addEventListener("beforeprint", () => {
    document.documentElement.classList.add("paper");
    repaint();
  });
  addEventListener("afterprint", () => {
    document.documentElement.classList.remove("paper");
    repaint();
  });
})();
