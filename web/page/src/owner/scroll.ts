// Boxes that scroll.

/** Scrolls a box by arrow keys as far as there is something; then they lead on. Returns whether it did. */
export function scrollByArrow(e: KeyboardEvent): boolean {
  const by = { ArrowUp: -1, ArrowDown: 1 }[e.key];
  const box = e.currentTarget as HTMLElement;
  if (!by || (by < 0 ? box.scrollTop <= 0 : box.scrollTop + box.clientHeight >= box.scrollHeight - 1)) return false;
  e.preventDefault();
  e.stopPropagation();
  box.scrollTop += by * 80;
  return true;
}
