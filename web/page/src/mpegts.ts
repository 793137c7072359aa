// mpegts.js, loaded as a file of its own: the grid does not wait for it.

import type Mpegts from 'mpegts.js';
import { playerScript } from './api';
import { loadScript } from './load';

export type Library = typeof Mpegts;

let loading: Promise<Library> | null = null;

/** Loads mpegts.js once. A failed load is tried again by the next call. */
export function loadMpegts(): Promise<Library> {
  loading = loading || insert().catch((error) => {
    loading = null;
    throw error;
  });
  return loading;
}

async function insert(): Promise<Library> {
  await loadScript(playerScript);
  const library = (window as unknown as { mpegts: Library }).mpegts;
  library.LoggingControl.enableAll = false; // what matters is said on the page
  return library;
}
