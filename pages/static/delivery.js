// The chart of deliveries by town; the table below says the same in figures, with those that need not go out.
"use strict";
(async () => {
  const { api } = tx;
  const box = document.getElementById("towns");
  if (!box || !window.echarts) { if (box) box.hidden = true; return; }
  const STANDINGS = [["delivered", "送到了", "#06934a"], ["accepted", "等回执", "#7cc79e"], ["waiting", "等着发", "#9db7d6"],
    ["uncertain", "说不准", "#e8b54a"], ["refused", "没送到", "#c9302c"]];
  const most = 15;
  let found;
  try { found = await api("GET", `/api/v1/deliveries?hours=${box.dataset.hours}`); } catch { box.hidden = true; return; }
  const towns = found.towns.slice(0, most).reverse();
  box.style.height = `${towns.length * 34 + 90}px`;
  const chart = echarts.init(box, null, { renderer: "svg" });
  const family = getComputedStyle(document.body).fontFamily;
  chart.setOption({
    animation: false,
    aria: { enabled: true },
    textStyle: { fontFamily: family, fontSize: 14 },
    grid: { left: 8, right: 18, top: 58, bottom: 4, containLabel: true },
    legend: { top: 0, left: 0, itemWidth: 14, itemHeight: 10, itemGap: 12, textStyle: { fontSize: 13 } },
    tooltip: { trigger: "axis", axisPointer: { type: "shadow" }, confine: true, renderMode: "richText" },
    xAxis: { type: "value", minInterval: 1, splitLine: { lineStyle: { color: "#ececec" } }, axisLabel: { hideOverlap: true } },
    yAxis: { type: "category", data: towns.map((town) => town.name), axisTick: { show: false }, axisLabel: { width: 84, overflow: "truncate", fontSize: 14, color: "#1a1a1a" } },
    series: STANDINGS.filter(([key]) => found.by_standing[key]).map(([key, name, color]) => ({
      name, type: "bar", stack: "all", barMaxWidth: 22, itemStyle: { color }, data: towns.map((town) => town.by_standing[key]),
    })),
  });
  addEventListener("resize", () => chart.resize());
})();
