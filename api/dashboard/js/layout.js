// Where the stations stand: columns by the longest way from the start, straight from the edges.

export function levels(graph) {
  const depth = new Map(graph.nodes.map((node) => [node.id, 0]));
  for (let round = 0; round < graph.nodes.length; round += 1) {
    for (const { source, target } of graph.edges) {
      if (depth.has(source) && depth.has(target)) depth.set(target, Math.max(depth.get(target), depth.get(source) + 1));
    }
  }
  const columns = [];
  for (const node of graph.nodes) (columns[depth.get(node.id)] ??= []).push(node);
  return columns.filter(Boolean);
}

/** Boxes and edges for a canvas of this size. Wide: left to right. Narrow: top to bottom, `rowHeight` each. */
export function place(graph, width, height, narrow) {
  const columns = levels(graph);
  return narrow ? placeNarrow(graph, columns, width) : placeWide(graph, columns, width, height);
}

function placeWide(graph, columns, width, height) {
  const gap = 20;
  const shares = columns.map((column) => (column.length > 1 ? 1.75 : 1));
  const unit = (width - gap * (columns.length - 1)) / shares.reduce((a, b) => a + b, 0);
  const boxes = new Map();
  let left = 0;
  columns.forEach((column, index) => {
    const w = unit * shares[index];
    const between = 8;
    const h = column.length > 1 ? (height - between * (column.length - 1)) / column.length : Math.min(height, 178);
    const top = column.length > 1 ? 0 : (height - h) / 2;
    column.forEach((node, row) => boxes.set(node.id, { x: left, y: top + row * (h + between), w, h, tall: column.length === 1 }));
    left += w + gap;
  });
  return { boxes, height, edges: edges(graph, boxes, false) };
}

function placeNarrow(graph, columns, width) {
  const gap = 14;
  const boxes = new Map();
  let top = 0;
  for (const column of columns) {
    for (const node of column) {
      const inset = column.length > 1 ? 18 : 0;
      boxes.set(node.id, { x: inset, y: top, w: width - inset, h: 60, tall: false });
      top += 60 + (column.length > 1 ? 6 : 0);
    }
    top += gap - (column.length > 1 ? 6 : 0);
  }
  return { boxes, height: top - gap, edges: edges(graph, boxes, true) };
}

function edges(graph, boxes, narrow) {
  return graph.edges.filter(({ source, target }) => boxes.has(source) && boxes.has(target)).map(({ source, target }) => {
    const a = boxes.get(source);
    const b = boxes.get(target);
    return { source, target, path: narrow ? down(a, b) : across(a, b) };
  });
}

function across(a, b) {
  const x1 = a.x + a.w;
  const y1 = a.y + a.h / 2;
  const x2 = b.x;
  const y2 = b.y + b.h / 2;
  const mid = (x1 + x2) / 2;
  return `M${x1} ${y1} C${mid} ${y1} ${mid} ${y2} ${x2} ${y2}`;
}

function down(a, b) {
  if (a.x === b.x) return `M${a.x + 8} ${a.y + a.h} L${b.x + 8} ${b.y}`;
  const from = Math.min(a.x, b.x) + 8;
  const y1 = a.x < b.x ? a.y + a.h : a.y + a.h / 2;
  const y2 = a.x < b.x ? b.y + b.h / 2 : b.y;
  return a.x < b.x
    ? `M${from} ${y1} L${from} ${y2 - 6} Q${from} ${y2} ${from + 6} ${y2} L${b.x} ${y2}`
    : `M${a.x} ${y1} L${from + 6} ${y1} Q${from} ${y1} ${from} ${y1 + 6} L${from} ${y2}`;
}
