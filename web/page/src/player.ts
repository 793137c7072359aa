// What the watch page needs of a player, whichever kind it is.

import type { Session } from './api';
import type { Text } from './lang/en';

export type Phase =
  | 'tuning' // no picture yet, or none at the moment
  | 'playing'
  | 'paused'
  | 'blocked' // the browser wants a click before it plays sound
  | 'failed'; // `failure` says why; the player has given up

export interface View {
  phase: Phase;
  retrying: boolean; // after the first attempt
  started: boolean; // a picture has been seen
  ahead: number; // seconds that are here and not yet shown, 0 unknown
  shifted: boolean; // of a channel: the viewer has gone back and stays behind
  converted: boolean; // of a channel: the gateway converts it for this browser
  failure: Text | '';
}

export const firstView: View = { phase: 'tuning', retrying: false, started: false, ahead: 0, shifted: false, converted: false, failure: '' };

/** A player owns the source of one video element from start to stop. */
export interface Player {
  start(): void;
  stop(): void;
  /** Plays or pauses. */
  toggle(): void;
  /** Goes so many seconds ahead, or back below zero. Returns false where that can't be. */
  seek(by: number): boolean;
  /** Goes so many seconds behind the newest picture of a channel; 0 is live. */
  shift(behind: number): void;
  /** Hears where the gateway's session stands; undefined for none. */
  session(session: Session | undefined): void;
}

/** Waits between attempts, growing from the first to the last. */
export class Backoff {
  private next = Backoff.first;
  private static readonly first = 300;
  private static readonly last = 2000;

  /** Milliseconds to wait before the coming attempt. */
  wait(): number {
    const wait = this.next;
    this.next = Math.min(wait * 1.7, Backoff.last);
    return wait;
  }

  reset(): void {
    this.next = Backoff.first;
  }
}

/** Asks the video to play. Calls `blocked` when the browser wants a click first. */
export function play(video: HTMLVideoElement, blocked: () => void): void {
  const promise = video.play() as Promise<void> | undefined; // old browsers return nothing
  if (promise) {
    promise.catch((error: Error) => {
      if (error.name === 'NotAllowedError') blocked();
    });
  }
}
