// What the gateway says over HTTP (/api/v1) and where its paths are.

/** A channel or a film of the catalog. */
export interface Channel {
  id: string;
  title: string;
  kind: 'live' | 'film';
  group: string;
  logo: string;
  link: string;
  state: State;
  media_type: string;
  length: number; // bytes, 0 unknown
  duration_s: number; // 0 unknown
  rate_bps: number; // 0 unknown
}

/** Where a session stands on its way to a picture. */
export type State = 'idle' | 'finding' | 'connecting' | 'buffering' | 'playing' | 'stalled' | 'failed';

/** What a channel that is being watched is doing. */
export interface Session {
  id: string;
  channel: string;
  state: State;
  text: string; // state in English words
  peers: number;
  down_bps: number;
  up_bps: number;
  buffer_s: number;
  viewers: number;
  error: string;
  tracker?: Outage; // while none answers
}

/** Why no tracker of a swarm answers. */
export interface Outage {
  name: string; // host and port
  problem: 'no_answer' | 'name_unknown' | 'private_name' | 'bad_certificate' | 'login_needed' | 'refused' | 'wrong_answer';
  since: string; // date and time
}

/** Whether TVs find the gateway. */
export interface Device {
  name: string; // under which TVs list it
  found_on: string[]; // networks
  problem: string; // why TVs don't find it and what to do, in English
}

/** A TV or speaker of the home. */
export interface Renderer {
  id: string;
  name: string;
  model: string;
  state: 'idle' | 'stopped' | 'buffering' | 'playing' | 'paused';
  channel: string; // what it plays of this gateway, empty for nothing
  position_s: number;
  duration_s: number; // 0 for a channel
  volume: number | null; // percent
}

const script = document.currentScript as HTMLScriptElement;

/** Path under which the gateway is mounted, with a slash at its end. */
export const base = new URL('..', script.src).pathname;

/** URL of the player for live channels, loaded when first needed. */
export const playerScript = new URL(script.dataset['player'] || '', script.src).href;

/** Name and version of the gateway, written into the page by it. */
export const about = {
  name: document.documentElement.dataset['name'] || 'Swarmgate',
  version: document.documentElement.dataset['version'] || '',
};

/** Makes the full URL of a path of the gateway. */
export const absolute = (path: string): string => location.origin + base + path;

const segment = encodeURIComponent;

export const watchPath = (id: string): string => `${base}watch/${segment(id)}`;

/** URL from which players fetch the channel or film. */
export const streamURL = (c: Channel): string =>
  absolute(c.kind === 'live' ? `live/${segment(c.id)}.ts` : `film/${segment(c.id)}`);

async function request<T>(path: string, init?: RequestInit): Promise<T> {
  const response = await fetch(base + path, init);
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(body.error || `${response.status} ${response.statusText}`);
  return body as T;
}

export const fetchChannels = (): Promise<Channel[]> => request<Channel[]>('api/v1/channels');

export const fetchDevice = (): Promise<Device> => request<Device>('api/v1/device');

/** Adds what a link names to the catalog. Rejects with a sentence that says what is wrong. */
export const addChannel = (link: string): Promise<Channel> =>
  request<Channel>('api/v1/channels', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ link }),
  });
