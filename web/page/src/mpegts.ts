// mpegts.js, loaded as a file of its own: the grid does not wait for it.

import type Mpegts from 'mpegts.js';
import { playerScript } from './api';

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

function insert(): Promise<Library> {
  return new Promise((resolve, reject) => {
    const script = document.createElement('script');
    script.src = playerScript;
    script.onload = () => {
      const library = (window as unknown as { mpegts: Library }).mpegts;
      library.LoggingControl.enableAll = false; // what matters is said on the page
      resolve(library);
    };
    script.onerror = () => {
      script.remove();
      reject(new Error('mpegts.js did not load'));
    };
    document.head.appendChild(script);
  });
}
