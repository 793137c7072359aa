// Plays a film with the browser's own player and controls. The gateway holds a read back
// until the swarm has delivered the bytes, so a wait is normal and an error is not.

import type { Session } from './api';
import type { Text } from './lang/en';
import { Backoff, firstView, play, type Player, type View } from './player';

const noticeMs = 400;
/** How often the place in the film is noted, so that any screen of the home can go on there. */
const noteMs = 10000;

export class FilmPlayer implements Player {
  private view: View = firstView;
  private backoff = new Backoff();
  private timer = 0;
  private position = 0;
  private stopped = false;
  private noted = performance.now();

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly url: string,
    private readonly show: (view: View) => void,
    from: number, // seconds, where it was left
    private readonly note: (seconds: number) => void,
  ) {
    this.position = from;
  }

  start(): void {
    const { video } = this;
    video.onplaying = () => this.on({ phase: 'playing', started: true, retrying: false });
    video.onwaiting = () => this.soon({ phase: 'tuning' });
    video.onpause = () => {
      if (this.view.phase === 'playing') this.on({ phase: 'paused' });
      this.keep();
    };
    video.onended = () => this.keep();
    addEventListener('pagehide', this.keep);
    video.ontimeupdate = () => {
      this.position = video.currentTime || this.position;
      this.backoff.reset();
      this.measure();
      if (performance.now() - this.noted > noteMs) this.keep();
    };
    video.onprogress = () => this.measure();
    video.onloadedmetadata = () => {
      if (this.position > 0 && video.currentTime === 0) video.currentTime = this.position;
    };
    video.onerror = () => void this.onError();
    this.open();
  }

  /** Notes where the film is. */
  private keep = (): void => {
    if (!this.view.started) return;
    this.noted = performance.now();
    this.note(this.video.currentTime);
  };

  stop(): void {
    this.keep();
    removeEventListener('pagehide', this.keep);
    this.stopped = true;
    clearTimeout(this.timer);
    const { video } = this;
    video.onplaying = video.onwaiting = video.onpause = video.ontimeupdate = video.onprogress = null;
    video.onloadedmetadata = video.onerror = video.onended = null;
    video.removeAttribute('src');
    video.load();
  }

  toggle(): void {
    const { video } = this;
    if (this.view.phase === 'failed') {
      this.on({ phase: 'tuning', failure: '' });
      this.open();
    } else if (video.paused) {
      this.play();
    } else {
      video.pause();
    }
  }

  seek(by: number): boolean {
    const { video } = this;
    if (!this.view.started || this.view.phase === 'failed') return false;
    const end = isFinite(video.duration) ? video.duration : Infinity;
    video.currentTime = Math.max(0, Math.min(video.currentTime + by, end));
    return true;
  }

  shift(_: number): void {
    // Films are sought in.
  }

  session(_: Session | undefined): void {
    // The video element knows by itself whether it waits.
  }

  private on(change: Partial<View>): void {
    clearTimeout(this.timer);
    if (this.stopped) return;
    this.view = { ...this.view, ...change };
    this.show(this.view);
  }

  /** A short wait, as after a seek into what is there, is not worth a word. */
  private soon(change: Partial<View>): void {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.on(change), noticeMs);
  }

  /** Tells how much is here ahead of the picture. */
  private measure(): void {
    const { buffered, currentTime } = this.video;
    let ahead = 0;
    for (let i = 0; i < buffered.length; i++) {
      if (buffered.start(i) <= currentTime && currentTime < buffered.end(i)) ahead = buffered.end(i) - currentTime;
    }
    ahead = Math.round(ahead * 10) / 10;
    if (ahead === this.view.ahead) return;
    this.view = { ...this.view, ahead };
    this.show(this.view);
  }

  private open(): void {
    this.video.src = this.url;
    this.play();
  }

  private play(): void {
    play(this.video, () => this.on({ phase: 'blocked' }));
  }

  /** The element does not tell a missing file from an unknown format: ask for one byte. */
  private async onError(): Promise<void> {
    if (this.stopped || !this.video.getAttribute('src')) return;
    const status = await fetch(this.url, { headers: { Range: 'bytes=0-0' } }).then(
      (response) => response.status,
      () => 0,
    );
    if (this.stopped) return;
    const failure: { [status: number]: Text } = { 206: 'unsupported', 404: 'gone' };
    const reason = this.view.started ? undefined : failure[status];
    if (reason) {
      this.on({ phase: 'failed', failure: reason });
      return;
    }
    this.on({ phase: 'tuning', retrying: true });
    this.timer = window.setTimeout(() => this.open(), this.backoff.wait());
  }
}
