// Where the viewer is: the grid, one channel at /watch/{id}, or the gateway itself at /gateway/{view}.

import { useEffect, useState } from 'preact/hooks';
import { base, watchPath } from './api';

/** What stands in the address behind a first step, null when that is another. */
function below(step: string): string | null {
  const path = location.pathname.slice(base.length);
  return path.startsWith(step) ? decode(path.slice(step.length)) : null;
}

/** ID of the channel that the address names, null on the grid. */
export const watched = (): string | null => below('watch/');

/** The view of the gateway that the address names, null elsewhere. */
export const viewed = (): string | null => below('gateway/');

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

function usePlace(where: () => string | null): string | null {
  const [place, setPlace] = useState(where);
  useEffect(() => {
    const listener = (): void => {
      seen = watched() || seen;
      setPlace(where());
    };
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }, []);
  return place;
}

export const useWatched = (): string | null => usePlace(watched);
export const useViewed = (): string | null => usePlace(viewed);

/** Goes to a channel. Going on to the next one replaces it, so that Back leads to the grid. */
export function watch(id: string): void {
  if (watched() === null) history.pushState({ grid: true }, '', watchPath(id));
  else history.replaceState(history.state, '', watchPath(id));
  tell();
}

export const viewPath = (view: string): string => `${base}gateway/${view}`;

/** Goes to a view of the gateway. Going on to another replaces it. */
export function look(view: string): void {
  if (viewed() === null) history.pushState({ grid: true }, '', viewPath(view));
  else history.replaceState(history.state, '', viewPath(view));
  tell();
}

/** Goes back to where the viewer came from, the grid where that is not known. */
export function leave(): void {
  if (history.state && history.state.grid) {
    history.back();
    return;
  }
  history.replaceState(null, '', base);
  tell();
}
