// Where the viewer is: the grid, or one channel at /watch/{id}.

import { useEffect, useState } from 'preact/hooks';
import { base, watchPath } from './api';

/** ID of the channel that the address names, null on the grid. */
export function watched(): string | null {
  const path = location.pathname.slice(base.length);
  return path.startsWith('watch/') ? decode(path.slice('watch/'.length)) : null;
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

const listeners = new Set<() => void>();
const tell = (): void => listeners.forEach((listener) => listener());
addEventListener('popstate', tell);

let seen = watched();

/** The channel that was last watched, for the focus when the grid comes back. */
export const lastWatched = (): string | null => seen;

export function useWatched(): string | null {
  const [id, setID] = useState(watched);
  useEffect(() => {
    const listener = (): void => {
      seen = watched() || seen;
      setID(watched());
    };
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }, []);
  return id;
}

/** Goes to a channel. Going on to the next one replaces it, so that Back leads to the grid. */
export function watch(id: string): void {
  if (watched() === null) history.pushState({ grid: true }, '', watchPath(id));
  else history.replaceState(history.state, '', watchPath(id));
  tell();
}

/** Goes back to the grid. */
export function leave(): void {
  if (history.state && history.state.grid) {
    history.back();
    return;
  }
  history.replaceState(null, '', base);
  tell();
}
