// The run as a picture: a panel for each shape, a bar for each proxy, a line from the least to the greatest of its rounds.
import { number, type Run } from "./report.ts";
import type { Row, ShapeSummary } from "./summary.ts";

const panelWidth = 460;
const columns = 2;
const barHeight = 18;
const rowHeight = 26;
const labelWidth = 170;
const valueWidth = 110;
const titleHeight = 46;
const gap = 18;
const units = {
  cpu: "CPU µs per call, less is better; × is it ÷ ours",
  latency: "µs added, less is better; × is it ÷ ours",
  rate: "calls per second, more is better; × is ours ÷ it",
  memory: "bytes, less is better; × is it ÷ ours",
};

/** svg draws a run. Panels have scales of their own, from zero. */
export function svg(run: Run): string {
  const panels = run.summaries.filter(({ rows }) => rows.some((row) => drawn(row)));
  const heights = panels.map(({ rows }) => titleHeight + rows.filter(drawn).length * rowHeight + gap);
  const parts: string[] = [];
  let y = gap;
  for (let first = 0; first < panels.length; first += columns) {
    panels.slice(first, first + columns).forEach((summary, column) => {
      parts.push(`<g transform="translate(${gap + column * (panelWidth + gap)},${y})">`, ...panel(summary, run.titles), "</g>");
    });
    y += Math.max(...heights.slice(first, first + columns));
  }
  const width = columns * (panelWidth + gap) + gap;
  const style =
    ".t{font:600 13px sans-serif;fill:#222}.u{font:11px sans-serif;fill:#666}.l{font:12px sans-serif;fill:#222}.b{fill:#9aa7b5}.o{fill:#2f6fde}.w{stroke:#222;stroke-width:1.5}";
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${y}" viewBox="0 0 ${width} ${y}" role="img" aria-label="Gateway benchmark">`,
    `<style>${style}</style>`,
    `<rect width="${width}" height="${y}" fill="#fff"/>`,
    ...parts,
    "</svg>",
    "",
  ].join("\n");
}

function drawn(row: Row): boolean {
  return row.figures !== undefined && row.peer !== "direct";
}

function panel({ shape, rows }: ShapeSummary, titles: Run["titles"]): string[] {
  const bars = rows.filter(drawn);
  const most = Math.max(...bars.map((row) => row.figures?.max ?? 0), Number.MIN_VALUE);
  const scale = (panelWidth - labelWidth - valueWidth) / most;
  const at = (value: number) => round(labelWidth + Math.max(0, value) * scale);
  return [
    `<text class="t" x="0" y="14">${escaped(shape.name)}: ${escaped(cut(shape.title, 62 - shape.name.length))}</text>`,
    `<text class="u" x="0" y="31">${escaped(units[shape.metric])}</text>`,
    ...bars.flatMap((row, i) => {
      const { min, median, max } = row.figures!;
      const top = titleHeight + i * rowHeight;
      const middle = top + barHeight / 2;
      return [
        `<text class="l" x="0" y="${middle + 4}">${escaped(cut(titles[row.peer] ?? row.peer, 26))}</text>`,
        `<rect class="${row.peer === "tfs" ? "o" : "b"}" x="${labelWidth}" y="${top}" width="${round(at(median) - labelWidth)}" height="${barHeight}"/>`,
        `<line class="w" x1="${at(min)}" x2="${at(max)}" y1="${middle}" y2="${middle}"/>`,
        `<text class="l" x="${round(at(max) + 6)}" y="${middle + 4}">${number(median)}${row.ratios === undefined ? "" : ` (${number(row.ratios.median)} ×)`}</text>`,
      ];
    }),
  ];
}

function round(n: number): number {
  return Math.round(n * 10) / 10;
}

function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
