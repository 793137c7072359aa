// The drawn picture of a channel without a logo: its initials before a small swarm. The
// same ID always gives the same picture.

import type { Channel } from './api';

/** Dark, bright and light; of channels and of films in turn. */
const palettes: [string, string, string][] = [
  ['#3b2a86', '#a2338f', '#ffb199'],
  ['#0b4f6c', '#12a594', '#c9f7e4'],
  ['#7a1f3d', '#e0682b', '#ffe0a3'],
  ['#1e3a8a', '#3b82f6', '#cfe4ff'],
  ['#14532d', '#4d9f3b', '#e2f7b5'],
  ['#4a1d6e', '#5b5bd6', '#d9d4ff'],
  ['#6b2140', '#c2417c', '#ffd0e4'],
  ['#5b3410', '#c98a1b', '#ffeebf'],
];

/** FNV-1a. */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return h >>> 0;
}

/** Numbers in [0, 1) that follow from a seed (mulberry32). */
function random(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let x = Math.imul(seed ^ (seed >>> 15), seed | 1);
    x = (x + Math.imul(x ^ (x >>> 7), x | 61)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) / 4294967296;
  };
}

/** Initials of two words, or the first two letters of one. Signs such as & count for nothing. */
function initials(title: string): string {
  const words = title.split(/[\s\-_·:,.]+/).filter((word) => !/^[\x21-\x2f\x3a-\x40|~]*$/.test(word));
  const letters = words.length > 1 ? words.slice(0, 2).map((word) => Array.from(word)[0]) : Array.from(words[0] || '').slice(0, 2);
  return letters.join('').toUpperCase();
}

interface Node {
  x: number;
  y: number;
  r: number;
}

function swarm(next: () => number): Node[] {
  const nodes: Node[] = [];
  for (let i = 0; i < 14; i++) {
    nodes.push({ x: Math.round((i % 7) * 50 + next() * 44 - 12), y: Math.round(next() * 180), r: 2 + Math.round(next() * 4) });
  }
  return nodes;
}

/** Lines between nodes that lie near each other. */
function lines(nodes: Node[]): string {
  let path = '';
  nodes.forEach((a, i) =>
    nodes.slice(i + 1).forEach((b) => {
      if (Math.hypot(a.x - b.x, a.y - b.y) < 92) path += `M${a.x} ${a.y}L${b.x} ${b.y}`;
    }),
  );
  return path;
}

export function Art(props: { id: string; kind: Channel['kind']; title: string }) {
  const seed = hash(props.id);
  // A channel and a film beside each other never have the same colours.
  const colours = (seed % (palettes.length / 2)) * 2 + (props.kind === 'film' ? 1 : 0);
  const [dark, bright, light] = palettes[colours] as [string, string, string];
  const nodes = swarm(random(seed));
  const name = 'art' + seed.toString(36);
  return (
    <svg class="drawn" viewBox="0 0 320 180" preserveAspectRatio="xMidYMid slice" aria-hidden="true">
      <defs>
        <linearGradient id={name} x1="0" y1="0" x2="1" y2="1">
          <stop stop-color={bright} />
          <stop offset="1" stop-color={dark} />
        </linearGradient>
      </defs>
      <rect width="320" height="180" fill={`url(#${name})`} />
      <g stroke={light} fill={light} opacity=".28">
        <path d={lines(nodes)} fill="none" stroke-width="1.2" />
        {nodes.map((node) => <circle cx={node.x} cy={node.y} r={node.r} stroke="none" />)}
      </g>
      {props.title ? (
        <text x="160" y="92" fill="#fff" font-size="68" font-weight="800" text-anchor="middle" dominant-baseline="central" letter-spacing="1">
          {initials(props.title)}
        </text>
      ) : null}
    </svg>
  );
}
