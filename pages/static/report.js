// The chart of a report, on wide screens only: a phone has a bar in each card and need not fetch the library.
"use strict";
(() => {
  const source = document.currentScript.dataset.charts;
  const wide = matchMedia("(min-width: 60rem)");

  function draw(box) {
    const { title, line, bars } = JSON.parse(box.dataset.chart);
    if (bars.length < 2) return;
    box.hidden = false;
    const chart = echarts.init(box, null, { renderer: "canvas" });
    const room = bars.length > 12 ? 40 : 0;
    chart.setOption({
      animation: false,
      aria: { enabled: true },
      title: { text: `${title}（%）`, left: 8, top: 4, textStyle: { fontSize: 16 } },
      grid: { left: 56, right: 110, top: 52, bottom: 24 + room * 1.4 },
      tooltip: { trigger: "axis", renderMode: "richText", formatter: ([bar]) => `${bar.name}\n${title} ${bar.value.toFixed(2)}%` },
      xAxis: { type: "category", data: bars.map((bar) => bar.name), axisLabel: { interval: 0, rotate: room ? 40 : 0, fontSize: 12 } },
      yAxis: { type: "value", axisLabel: { formatter: "{value}%" } },
      series: [{
        type: "bar",
        barMaxWidth: 46,
        data: bars.map((bar) => ({
          value: bar.percent,
          itemStyle: bar.above
            ? { color: "#c2362f", decal: { symbol: "rect", dashArrayX: [1, 0], dashArrayY: [3, 5], rotation: Math.PI / 4, color: "rgba(255,255,255,.35)" } }
            : { color: "#2f6f9f" },
        })),
        label: { show: bars.length <= 24, position: "top", formatter: ({ dataIndex, value }) => `${bars[dataIndex].above ? "▲" : ""}${value.toFixed(2)}` },
        markLine: line === null ? undefined : {
          symbol: "none", silent: true, lineStyle: { color: "#8a4b00", width: 2, type: "dashed" },
          label: { formatter: `目标线 ${line}%`, color: "#8a4b00", fontWeight: "bold" }, data: [{ yAxis: line }],
        },
      }],
    });
    addEventListener("resize", () => chart.resize());
  }

  function begin() {
    const box = document.getElementById("chart");
    if (!box || !wide.matches || box.dataset.asked) return;
    box.dataset.asked = "1";
    const script = document.createElement("script");
    script.src = source;
    script.addEventListener("load", () => draw(box));
    document.head.append(script);
  }

  wide.addEventListener("change", begin);
  begin();
})();
