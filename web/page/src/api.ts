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
  favourite: boolean;
  position_s: number; // of a film, where to go on; 0 for the beginning
  watched?: string; // when a screen last began to show it
  subtitles?: { language: string; url: string }[];
  now?: Programme;
  next?: Programme;
  codecs?: Codecs;
  urls: { converted?: string }; // there while the gateway converts for browsers
}

/** One broadcast of a channel. */
export interface Programme {
  title: string;
  description: string;
  start: string; // RFC 3339
  end: string;
}

/** How a channel is coded, empty while unknown: "H.264", "MPEG-2"; "AAC", "AC-3". */
export interface Codecs {
  video: string;
  audio: string;
}

/** What a pasted text names. */
export interface Preview {
  found: Previewed[];
  problem: string; // one sentence, empty when all was understood
}

export interface Previewed {
  id: string;
  link: string;
  title: string;
  kind: 'live' | 'film';
  group: string;
  length: number;
  duration_s: number;
  rate_bps: number;
  trackers: string[]; // hosts
  closed: boolean;
  known: boolean;
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
  codecs?: Codecs;
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

/** What the gateway does and has done since its start. */
export interface Status {
  since: string; // date and time
  peers: number;
  viewers: number;
  down_bps: number;
  up_bps: number;
  received_bytes: number;
  sent_bytes: number;
  share_ratio: number | null;
  trouble: { code: string; about: string; text: string }[]; // in English
  samples: { down_bps: number; up_bps: number }[]; // of ten minutes, oldest first
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

const file = (name: string): string => new URL(script.dataset[name] || '', script.src).href;

/** URL of the player for live channels, loaded when first needed. */
export const playerScript = file('player');

/** URL of the words of a language, empty for English and where there are none. */
export const languageScript = (language: string): string => (script.dataset[language + 'Words'] ? file(language + 'Words') : '');
/** URLs of the views of the gateway itself (owner/), loaded when first needed. */
export const ownerScript = file('owner');
export const ownerStyle = file('sheet');

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

/** URLs from which this page plays a channel. */
export interface LiveURLs {
  ts: string;
  converted: string; // as H.264 and AAC; empty where the gateway has nothing to convert with
  hls: string; // for browsers that know HLS themselves
}

export function liveURLs(c: Channel): LiveURLs {
  const of = `live/${segment(c.id)}`;
  return { ts: streamURL(c), converted: c.urls.converted ? absolute(of + '/browser.ts') : '', hls: absolute(of + '/ll.m3u8') };
}

/** What the gateway will not do: its sentence, its status, and what else it said. */
export class Refused extends Error {
  constructor(message: string, readonly status: number, readonly body: object) {
    super(message);
  }
}

/** Asks the gateway; a method other than GET may take a body. Rejects with Refused. */
export async function ask<T>(path: string, method = 'GET', body?: object): Promise<T> {
  const init: RequestInit = { method };
  if (body) {
    init.headers = { 'Content-Type': 'application/json' };
    init.body = JSON.stringify(body);
  }
  const response = await fetch(base + path, init);
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(answer.error || `${response.status} ${response.statusText}`, response.status, answer);
  return answer as T;
}

/** ask, and who has to sign in is asked to. */
function request<T>(path: string, method?: string, body?: object): Promise<T> {
  return ask<T>(path, method, body).catch((reason) => {
    if ((reason as Refused).status === 401) locked();
    throw reason;
  });
}

let locked = (): void => undefined;

/** Sets what is done when the gateway asks for the household's password. */
export const onLocked = (act: () => void): void => void (locked = act);

/** Lets who looks sign in. */
export const askPassword = (): void => locked();

const send = <T>(method: string, path: string, body?: object): Promise<T> => request<T>(path, method, body);

const of = (id: string): string => `api/v1/channels/${segment(id)}`;

export const signIn = (password: string): Promise<unknown> => send('POST', 'api/v1/login', { password });

/** Tells what a link, a list or the address of a list names. */
export const fetchPreview = (text: string): Promise<Preview> => send('POST', 'api/v1/preview', { text });

export const setFavourite = (id: string, is: boolean): Promise<unknown> => send(is ? 'PUT' : 'DELETE', of(id) + '/favourite');

/** Changes title and group of what was added, or moves it so many places on. */
export const editChannel = (id: string, change: { title?: string; group?: string; move?: number }): Promise<Channel> => send('PATCH', of(id), change);

export const removeChannel = (id: string): Promise<unknown> => send('DELETE', of(id));

/** Notes where a film was left; also while the page is being closed. */
export function putPosition(id: string, seconds: number): void {
  const body = JSON.stringify({ position_s: Math.max(0, seconds) });
  void fetch(`${base}${of(id)}/position`, { method: 'PUT', headers: { 'Content-Type': 'application/json' }, body, keepalive: true }).catch(() => undefined);
}

/** Where other devices of the home open this page; page is empty if they can't. */
export const fetchReach = (): Promise<{ page: string; problem: string }> => request('api/v1/reach');

/** URL of a picture with the text as QR code. */
export const qrURL = (text: string): string => `${base}api/v1/qr.svg?text=${segment(text)}`;

export const fetchChannels = (): Promise<Channel[]> => request<Channel[]>('api/v1/channels');

export const fetchStatus = (): Promise<Status> => request<Status>('api/v1/status');

export const fetchDevice = (): Promise<Device> => request<Device>('api/v1/device');

/** Adds what a link names to the catalog. Rejects with a sentence that says what is wrong. */
export const addChannel = (link: string): Promise<Channel> => send('POST', 'api/v1/channels', { link });
