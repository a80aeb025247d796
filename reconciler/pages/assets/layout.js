// Lays out graphs in a thread of its own, so that the page stays fluid.
import { Graph, layout } from "./dagre.js";

// The space between ranks; labels of edges take more.
const RANK_SPACE = 34;
const NODE_SPACE = 14;
const MARGIN = 16;

function lay(nodes, edges, direction) {
  const graph = new Graph({ multigraph: true });
  graph.setGraph({ rankdir: direction, nodesep: NODE_SPACE, ranksep: RANK_SPACE, edgesep: 10, marginx: MARGIN, marginy: MARGIN });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const { id, width, height } of nodes) graph.setNode(id, { width, height });
  edges.forEach(({ from, to, labelWidth }, index) => {
    graph.setEdge(from, to, labelWidth ? { width: labelWidth, height: 16, labelpos: "c" } : {}, String(index));
  });
  layout(graph);
  return graph;
}

addEventListener("message", ({ data: { id, nodes, edges, space } }) => {
  const scaleOf = (graph) => Math.min(1, space.width / graph.graph().width, space.height / graph.graph().height);
  let graph = lay(nodes, edges, "LR");
  if (scaleOf(graph) < 0.9) {
    const other = lay(nodes, edges, "TB");
    if (scaleOf(other) > scaleOf(graph)) graph = other;
  }
  postMessage({
    id,
    direction: graph.graph().rankdir,
    size: { width: graph.graph().width, height: graph.graph().height },
    nodes: Object.fromEntries(nodes.map(({ id: name }) => [name, [graph.node(name).x, graph.node(name).y]])),
    edges: edges.map(({ from, to }, index) => {
      const { points, x, y } = graph.edge({ v: from, w: to, name: String(index) });
      return { points: points.map((point) => [point.x, point.y]), x, y };
    }),
  });
});
