// Keyboard and remote control: arrows move the focus to the nearest element that carries
// data-nav.

const directions: { [key: string]: [number, number] } = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/** Codes of the back keys of LG's and Samsung's remote controls. */
const backCodes = [461, 10009];

export const isBack = (e: KeyboardEvent): boolean =>
  e.key === 'Escape' || e.key === 'Backspace' || e.key === 'GoBack' || backCodes.indexOf(e.keyCode) >= 0;

/** Tells whether a key belongs to the element that has the focus. */
export function isTyping(e: KeyboardEvent): boolean {
  const target = e.target as HTMLElement;
  return /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) || target.closest('dialog, .guide') !== null;
}

/** Moves the focus by an arrow key. Returns false when there is nothing that way. */
export function moveFocus(key: string): boolean {
  const direction = directions[key];
  const active = document.activeElement;
  if (!direction || (active && active.tagName === 'VIDEO')) return false;
  const within = document.querySelector('dialog[open]') || document;
  const candidates = Array.from(within.querySelectorAll<HTMLElement>('[data-nav]')).filter((e) => e.offsetParent !== null);
  const from = active && candidates.indexOf(active as HTMLElement) >= 0 ? active : null;
  const next = from ? nearest(from, candidates, direction) : within.querySelector<HTMLElement>('.tile[data-nav]') || candidates[0];
  if (!next) return false;
  next.focus();
  if (next.scrollIntoView) next.scrollIntoView({ block: 'nearest' });
  return true;
}

function nearest(from: Element, candidates: HTMLElement[], [dx, dy]: [number, number]): HTMLElement | null {
  const a = from.getBoundingClientRect();
  let best: HTMLElement | null = null;
  let least = Infinity;
  for (const candidate of candidates) {
    const b = candidate.getBoundingClientRect();
    const x = (b.left + b.right - a.left - a.right) / 2;
    const y = (b.top + b.bottom - a.top - a.bottom) / 2;
    const along = x * dx + y * dy;
    const across = Math.abs(dx ? y : x);
    // Of what lies ahead, that which begins straight ahead is nearer than what lies off to a side; of a row, what is
    // not in it is not meant.
    const aside = dx ? Math.max(0, b.top - a.bottom, a.top - b.bottom) : Math.max(0, b.left - a.right, a.left - b.right);
    if (candidate === from || along < 8 || (dx && aside > 0)) continue;
    const cost = along + aside * 2 + across / 4;
    if (cost < least) {
      least = cost;
      best = candidate;
    }
  }
  return best;
}
