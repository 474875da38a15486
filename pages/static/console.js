// The console: charts from a data attribute, numbers that keep fresh while somebody looks, forms sent once.
"use strict";
(() => {
  const source = document.currentScript.dataset.charts;
  const POLLS = 960; // eight hours of half minutes: a page that was left open overnight stops asking
  const COLORS = ["#2f6f9f", "#7a9e3b", "#d08a1d", "#b5342c"];
  const DECALS = [null, { symbol: "rect", dashArrayX: [1, 0], dashArrayY: [2, 6] }, { symbol: "circle", symbolSize: 0.5, dashArrayX: [[6, 6]], dashArrayY: [6, 6] },
    { symbol: "rect", dashArrayX: [1, 0], dashArrayY: [3, 4], rotation: Math.PI / 4 }];
  let library = null;
  const drawn = new Map();

  function load() {
    library ??= new Promise((done, failed) => {
      const script = document.createElement("script");
      script.src = source;
      script.addEventListener("load", done);
      script.addEventListener("error", failed);
      document.head.append(script);
    });
    return library;
  }

  const number = (value) => (value === null || value === undefined ? "—" : Number(value.toFixed(2)).toLocaleString("zh-CN"));

  function option({ kind, unit = "笔", names, series }) {
    const stacked = kind === "stacked";
    const category = { type: "category", data: names, axisTick: { show: false }, inverse: stacked, axisLabel: { color: "#333", fontSize: 13, width: 130, overflow: "break" } };
    const value = { type: "value", minInterval: stacked ? 1 : undefined, splitLine: { lineStyle: { color: "#e8eaed" } }, axisLabel: { color: "#5a5f66" } };
    return {
      animation: false,
      aria: { enabled: true },
      color: COLORS,
      textStyle: { fontFamily: getComputedStyle(document.body).fontFamily },
      grid: { left: 8, right: 24, top: series.length > 1 ? 40 : 12, bottom: 4, containLabel: true },
      legend: series.length > 1 ? { top: 0, left: 0, itemWidth: 14, itemHeight: 10 } : undefined,
      tooltip: { trigger: "axis", confine: true, renderMode: "richText", axisPointer: { type: "shadow" }, valueFormatter: (each) => `${number(each)} ${unit}` },
      xAxis: stacked ? value : category,
      yAxis: stacked ? category : value,
      series: series.map(({ name, values, line }, at) => ({
        name, data: values, type: line ? "line" : "bar", stack: stacked ? "all" : undefined, barMaxWidth: stacked ? 20 : 34,
        symbolSize: 8, itemStyle: line ? { color: COLORS[3] } : { decal: DECALS[at] ? { ...DECALS[at], color: "rgba(255,255,255,.4)" } : undefined },
      })),
    };
  }

  async function draw(root) {
    const boxes = [...root.querySelectorAll("[data-chart]")];
    if (!boxes.length) return;
    try { await load(); } catch { boxes.forEach((box) => { box.hidden = true; }); return; }
    for (const [box, chart] of drawn) if (!box.isConnected) { chart.dispose(); drawn.delete(box); }
    for (const box of boxes) {
      if (drawn.has(box)) continue;
      const asked = JSON.parse(box.dataset.chart);
      if (asked.kind === "stacked") box.style.height = `${asked.names.length * 38 + 90}px`;
      const chart = echarts.init(box, null, { renderer: "svg" });
      chart.setOption(option(asked));
      chart.on("click", ({ dataIndex }) => { if (asked.links && asked.links[dataIndex]) location.assign(asked.links[dataIndex]); });
      drawn.set(box, chart);
    }
  }

  addEventListener("resize", () => drawn.forEach((chart) => chart.resize()));
  document.addEventListener("htmx:after:swap", () => draw(document));

  // numbers that keep fresh: only while the page is seen, and not for ever
  let asked = 0;
  for (const box of document.querySelectorAll("[data-poll]")) {
    const timer = setInterval(() => {
      if (!box.isConnected || box.querySelector("[data-done]") || ++asked > POLLS) { clearInterval(timer); return; }
      if (!document.hidden && window.htmx) htmx.trigger(box, "poll");
    }, Number(box.dataset.poll) * 1000);
  }

  // a form is sent once: a second click finds its button at rest
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.sure && !form.dataset.sent && !confirm(form.dataset.sure)) { event.preventDefault(); event.stopImmediatePropagation(); return; }
    if (form.method !== "post") return;
    if (form.dataset.sent) { event.preventDefault(); event.stopImmediatePropagation(); return; }
    form.dataset.sent = "1";
    setTimeout(() => { delete form.dataset.sent; }, 4000);
  }, true);

  // choosing a filter is asking for it
  document.addEventListener("change", (event) => {
    if (event.target.matches("form.filters select")) event.target.form.requestSubmit();
  });

  draw(document);
})();
