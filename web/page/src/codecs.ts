// What this browser plays of a transport stream, asked before it is tried: who tries MPEG-2 or AC-3
// gets no error, but a picture without sound, or nothing.

import type { Codecs } from './api';

/** Media types to ask a browser for. What is not among them none plays from a transport stream. */
const types: { [name: string]: string } = {
  'H.264': 'video/mp4; codecs="avc1.640028"',
  HEVC: 'video/mp4; codecs="hvc1.1.6.L120.90"',
  AV1: 'video/mp4; codecs="av01.0.08M.08"',
  AAC: 'audio/mp4; codecs="mp4a.40.2"',
  'AC-3': 'audio/mp4; codecs="ac-3"',
  'E-AC-3': 'audio/mp4; codecs="ec-3"',
  Opus: 'audio/mp4; codecs="opus"',
};

interface Sources {
  MediaSource?: typeof MediaSource;
  ManagedMediaSource?: typeof MediaSource;
}

/** Tells whether this browser plays a coding by its name; the empty name is none or unknown. */
export function plays(codec: string): boolean {
  if (!codec) return true;
  const { MediaSource, ManagedMediaSource } = window as Sources;
  const source = MediaSource || ManagedMediaSource;
  const type = types[codec];
  return type !== undefined && (!source || source.isTypeSupported(type));
}

/** Tells whether it plays both picture and sound. */
export const playsBoth = (codecs: Codecs): boolean => plays(codecs.video) && plays(codecs.audio);

export const named = (codecs: Codecs): string => [codecs.video, codecs.audio].filter(Boolean).join(' + ');
