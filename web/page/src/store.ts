// The state of the gateway as this page knows it, kept current by server-sent events.

import { useEffect, useState } from 'preact/hooks';
import { base, fetchChannels, fetchDevice, type Channel, type Device, type Renderer, type Session } from './api';

export interface Gateway {
  channels: Channel[] | null; // null until first fetched
  sessions: Session[];
  device: Device | null; // null until first fetched
  renderers: Renderer[];
  online: boolean;
}

/** Pause before events are asked for again after the gateway refused them. */
const retryMs = 3000;
/** How long the gateway may be silent before the page says so. */
const offlineMs = 2500;

let state: Gateway = { channels: null, sessions: [], device: null, renderers: [], online: true };
const listeners = new Set<() => void>();

function set(change: Partial<Gateway>): void {
  state = { ...state, ...change };
  listeners.forEach((listener) => listener());
}

export function useGateway(): Gateway {
  const [seen, see] = useState(state);
  useEffect(() => {
    const listener = (): void => see(state);
    listeners.add(listener);
    listener();
    return () => void listeners.delete(listener);
  }, []);
  return seen;
}

/** What TVs do, between the events that tell of it. */
export const renderers = {
  /** Takes in what a TV answered to an order. */
  put(one: Renderer): void {
    set({ renderers: state.renderers.map((r) => (r.id === one.id ? one : r)) });
  },
  find: (id: string): Renderer | undefined => state.renderers.find((r) => r.id === id),
};

/** Fetches the catalog anew, trying again until the gateway answers. */
export async function refresh(): Promise<void> {
  try {
    const [channels, device] = await Promise.all([fetchChannels(), fetchDevice()]);
    set({ channels, device, online: true });
  } catch {
    set({ online: false });
    setTimeout(refresh, retryMs);
  }
}

let events: EventSource | null = null;
let update = ''; // of the catalog that was last fetched
let offline = 0; // timer

function connect(): void {
  if (events) return;
  const source = new EventSource(base + 'api/v1/events');
  events = source;
  source.addEventListener('sessions', (e) => set({ sessions: JSON.parse((e as MessageEvent).data) }));
  source.addEventListener('device', (e) => set({ device: JSON.parse((e as MessageEvent).data) }));
  source.addEventListener('renderers', (e) => set({ renderers: JSON.parse((e as MessageEvent).data) }));
  source.addEventListener('catalog', (e) => {
    const data: string = (e as MessageEvent).data;
    if (update !== '' && update !== data) void refresh();
    update = data;
  });
  source.onopen = () => {
    clearTimeout(offline);
    offline = 0;
    if (!state.online) void refresh();
  };
  source.onerror = () => {
    offline = offline || window.setTimeout(() => set({ online: false, sessions: [] }), offlineMs);
    if (source.readyState === EventSource.CLOSED) {
      disconnect();
      setTimeout(connect, retryMs);
    }
  };
}

function disconnect(): void {
  events?.close();
  events = null;
}

/** Starts following the gateway. A browser opens six connections to one host in all its
 * tabs together, so a tab that nobody sees and that plays nothing gives its own back. */
export function follow(playing: () => boolean): void {
  void refresh();
  connect();
  document.addEventListener('visibilitychange', () => {
    if (document.hidden && !playing()) disconnect();
    else connect();
  });
}
