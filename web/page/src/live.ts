// Plays a live channel: MPEG-TS over one HTTP response, turned into MP4 fragments by
// mpegts.js. Stays near the live edge by playing a little faster or slower, steps over
// holes, and connects again when the stream ends, fails or stands still.

import type Mpegts from 'mpegts.js';
import type { Codecs, LiveURLs, Session, State } from './api';
import { plays, playsBoth } from './codecs';
import type { Text } from './lang/en';
import { loadMpegts, type Library } from './mpegts';
import { Backoff, firstView, play, type Player, type View } from './player';

const tickMs = 200;
/** Picture standing still for this long: say so; step over a hole at the beginning; connect
 * again, although the gateway has something. It takes 2 s and its next message to say that it
 * has nothing. */
const noticeMs = 500;
const beginMs = 2000;
const stalledMs = 3500;
/** The same while the gateway itself waits for the swarm: a new request would only show
 * the last second once more. */
const patienceMs = 12000;
/** Time without a first picture, although bytes arrive, after which the format is to blame. */
const undecodedMs = 15000;

/** Attempts that may fail in the browser's decoder before the format is to blame, and those to
 * convert the channel before that is given up. */
const maxRefused = 3;

/** Distance from the newest byte that is aimed at, in seconds. It grows when the picture
 * stalls and shrinks while all is well. */
const nearest = 0.7;
const farthest = 3;
const stallStep = 0.4;
const calmStep = 0.002; // a tick
/** The same for who would rather wait than see the picture stand. */
const steady = 5;
const steadiest = 10;
/** Whoever asks for less than this is taken to mean the live edge. */
const shiftFrom = 3;
/** A paused picture keeps its stream for so long; then the stream is given back, and the
 * gateway's buffer has what came meanwhile. */
const pauseKeepMs = 90000;
/** Beyond this excess the picture jumps to `landing` before the aim; below, it gets there by
 * its pace. Before the first picture nobody sees a jump, so it takes less: the gateway sends
 * what lies between a keyframe and the edge at once. */
const farOff = 1.2;
const farOffAtFirst = 0.6;
const landing = 0.3;

/** Paces by which the distance is kept, each until the distance is about right again. */
const paces = [
  { rate: 1.1, from: (excess: number) => excess > 0.4, until: (excess: number) => excess < 0.1 },
  { rate: 0.95, from: (excess: number) => excess < -0.25, until: (excess: number) => excess > -0.05 },
];

export class LivePlayer implements Player {
  private library: Library | null = null;
  private mse: Mpegts.Player | null = null;
  private view: View = firstView;
  private gateway: State = 'idle';
  private flowing = 0; // when the gateway began to have what to send
  private target: number;
  private readonly nearest: number;
  private backoff = new Backoff();
  private clock = 0; // interval
  private retry = 0; // timeout
  private position = -1; // currentTime at the last tick
  private moved = 0; // when the picture last moved, or the attempt began
  private bytes = 0; // of this attempt
  private stalled = false; // the picture stands, as counted in target
  private refused = 0; // attempts that the decoder ended before any picture
  private stopped = false;
  private behind = 0; // seconds by which the next attempt begins earlier
  private pausedAt = 0;

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly urls: LiveURLs,
    private codecs: Codecs | undefined, // as far as they are known
    private readonly frozen: HTMLCanvasElement,
    private readonly show: (view: View) => void,
    private readonly stable: boolean, // far from the edge rather than often standing
  ) {
    this.target = this.nearest = stable ? steady : nearest;
    this.behind = stable ? steady : 0;
  }

  start(): void {
    if (this.codecs && this.urls.converted && !playsBoth(this.codecs)) this.view = { ...this.view, converted: true };
    this.show(this.view);
    this.clock = window.setInterval(() => this.tick(), tickMs);
    this.video.addEventListener('timeupdate', this.onMove);
    this.open();
  }

  stop(): void {
    this.stopped = true;
    clearInterval(this.clock);
    this.video.removeEventListener('timeupdate', this.onMove);
    this.close();
    this.melt();
  }

  /** Pausing holds the picture; playing goes on there, behind the live edge. */
  toggle(): void {
    if (this.view.phase === 'blocked') {
      this.moved = performance.now(); // the wait was the viewer's
      this.update({ phase: 'tuning' });
      this.play();
    } else if (this.view.phase === 'paused' && this.mse) {
      clearTimeout(this.retry);
      this.moved = performance.now();
      this.position = this.video.currentTime;
      this.update({ phase: 'playing' });
      this.play();
    } else if (this.view.phase === 'paused' || this.view.phase === 'failed') {
      if (this.view.shifted) this.behind += (performance.now() - this.pausedAt) / 1000;
      this.update({ phase: 'tuning', failure: '' });
      this.open();
    } else if (this.view.phase === 'playing' && this.mse) {
      this.video.pause();
      this.pausedAt = performance.now();
      this.update({ phase: 'paused', shifted: true });
      this.retry = window.setTimeout(() => {
        this.behind = this.ahead();
        this.pausedAt = performance.now();
        this.freeze();
        this.close();
      }, pauseKeepMs);
    } else {
      this.freeze();
      this.close();
      this.update({ phase: 'paused', ahead: 0 });
    }
  }

  seek(by: number): boolean {
    if (!this.view.started || !this.mse) return false;
    this.shift(Math.max(0, this.ahead() - by));
    return true;
  }

  /** What is still here is sought; what is not is asked of the gateway again. */
  shift(behind: number): void {
    if (!this.view.started || this.view.phase === 'failed') return;
    const shifted = behind > this.nearest + shiftFrom;
    const { buffered } = this.video;
    const end = buffered.length ? buffered.end(buffered.length - 1) : 0;
    const to = end - (shifted ? behind : this.target);
    const here = this.mse !== null && buffered.length > 0 && to >= buffered.start(buffered.length - 1);
    if (this.view.converted && !here) return; // the gateway keeps no more of it
    this.update({ shifted, ahead: Math.round(shifted ? behind : this.target) });
    this.behind = shifted ? behind : this.stable ? steady : 0;
    if (this.view.phase === 'paused') this.update({ phase: 'tuning' });
    this.moved = performance.now();
    if (here) {
      clearTimeout(this.retry);
      this.video.currentTime = to;
      this.video.playbackRate = 1;
      this.position = to;
      this.play();
      return;
    }
    this.freeze();
    this.close();
    this.update({ phase: 'tuning' });
    this.open();
  }

  session(session: Session | undefined): void {
    const state = session?.state || 'idle';
    if (state === 'playing' && this.gateway !== state) this.flowing = performance.now();
    this.gateway = state;
    const { codecs } = session || {};
    if (!codecs || (codecs.video === this.codecs?.video && codecs.audio === this.codecs?.audio)) return;
    this.codecs = codecs;
    if (this.view.failure || this.view.converted || playsBoth(codecs)) return;
    if (this.urls.converted || !plays(codecs.video)) this.refuse();
  }

  private update(change: Partial<View>): void {
    if (this.stopped) return;
    const before = this.view;
    this.view = { ...before, ...change };
    const keys = Object.keys(change) as (keyof View)[];
    if (keys.some((key) => before[key] !== this.view[key])) this.show(this.view);
  }

  private open(): void {
    clearTimeout(this.retry);
    this.moved = performance.now();
    this.position = -1;
    this.bytes = 0;
    loadMpegts().then(
      (library) => {
        if (!this.stopped && !this.mse && this.view.phase !== 'paused') this.attach(library);
      },
      () => this.again(),
    );
  }

  private attach(library: Library): void {
    this.library = library;
    if (!library.getFeatureList().mseLivePlayback) {
      this.plain();
      return;
    }
    const { converted } = this.view;
    if (converted) this.update({ shifted: false });
    const since = this.behind > 0 && !converted ? `?behind=${this.behind.toFixed(1)}` : '';
    const mse = library.createPlayer(
      { type: 'mpegts', isLive: true, url: (converted ? this.urls.converted : this.urls.ts) + since },
      {
        enableWorker: false, // starting one costs 0.2 s of the first picture; the work is small
        enableStashBuffer: false,
        lazyLoad: false,
        deferLoadAfterSourceOpen: false,
        autoCleanupSourceBuffer: true,
        autoCleanupMaxBackwardDuration: 90,
        autoCleanupMinBackwardDuration: 60,
        statisticsInfoReportInterval: 1000,
      },
    );
    this.mse = mse;
    // The player must not be destroyed from within its own events.
    const later = (act: () => void): unknown => setTimeout(() => this.mse === mse && act(), 0);
    mse.on(library.Events.ERROR, (type: string, detail: string, info: { code?: number; msg?: string }) =>
      later(() => this.onError(type, detail, info || {})),
    );
    mse.on(library.Events.LOADING_COMPLETE, () => later(() => this.again()));
    mse.on(library.Events.STATISTICS_INFO, (info: { speed?: number }) => {
      this.bytes += (info.speed || 0) * 1024;
    });
    this.video.onloadedmetadata = () => this.jump(farOffAtFirst);
    mse.attachMediaElement(this.video);
    mse.load();
    this.play();
  }

  /** A browser without media sources, as on iPhones and some TVs, may still know HLS or the format itself. */
  private plain(): void {
    this.video.src = this.video.canPlayType('application/vnd.apple.mpegurl') ? this.urls.hls : this.urls.ts;
    this.video.onerror = () => this.fail('noMSE');
    this.play();
  }

  private play(): void {
    play(this.video, () => this.update({ phase: 'blocked' }));
  }

  private close(): void {
    clearTimeout(this.retry);
    this.video.onerror = this.video.onloadedmetadata = null;
    this.mse?.destroy();
    this.mse = null;
    this.video.removeAttribute('src');
    this.video.load();
  }

  private again(): void {
    if (this.stopped || this.view.phase === 'paused' || this.view.phase === 'failed') return;
    if (this.view.shifted) this.behind = this.ahead() || this.behind;
    this.freeze();
    this.close();
    if (this.view.phase !== 'blocked') this.update({ phase: 'tuning', retrying: true, ahead: 0 });
    this.retry = window.setTimeout(() => this.open(), this.backoff.wait());
  }

  /** Does what can be done about a coding that this browser doesn't play. */
  private refuse(): void {
    if (!this.urls.converted) this.fail(this.codecs ? 'noConverter' : 'unsupported');
    else if (this.view.converted) this.fail('unsupported');
    else {
      this.refused = 0;
      this.close();
      this.update({ phase: 'tuning', converted: true, started: false, ahead: 0 });
      this.open();
    }
  }

  private fail(failure: Text): void {
    this.close();
    this.update({ phase: 'failed', failure, ahead: 0 });
  }

  private onError(type: string, detail: string, info: { code?: number; msg?: string }): void {
    const { ErrorTypes, ErrorDetails } = this.library as Library;
    if (detail === ErrorDetails.MEDIA_CODEC_UNSUPPORTED || detail === ErrorDetails.MEDIA_FORMAT_UNSUPPORTED) {
      this.refuse();
    } else if ((type === ErrorTypes.MEDIA_ERROR || this.view.converted) && !this.view.started && ++this.refused >= maxRefused) {
      this.refuse();
    } else if (info.code === 404) {
      this.fail('gone');
    } else {
      this.again();
    }
  }

  private onMove = (): void => {
    const now = this.video.currentTime;
    if (this.video.paused) return; // a jump alone moves nothing, as while the browser waits for a click
    if (now <= this.position || this.video.readyState < 2) return;
    const first = this.position < 0;
    this.position = now;
    if (first && now === 0) return;
    this.moved = performance.now();
    if (this.view.phase === 'tuning' || this.view.phase === 'blocked') {
      this.melt();
      this.update({ phase: 'playing', started: true, retrying: false, failure: '' });
    }
  };

  private tick(): void {
    const { phase } = this.view;
    if (phase === 'paused' && this.mse) this.update({ ahead: Math.round(this.ahead() * 10) / 10 });
    if (phase === 'paused' || phase === 'failed') return;
    if (!this.video.seeking) this.onMove();
    const still = performance.now() - this.moved;
    if (phase === 'blocked') return;
    if (this.video.seeking) {
      if (this.mse) this.impatient(still); // what it seeks may never come
      return;
    }
    if (still < tickMs * 1.5) {
      this.stalled = false;
      this.chase();
      return;
    }
    if (phase === 'playing' && !this.stalled) {
      this.stalled = true;
      this.target = Math.min(this.target + stallStep, this.stable ? steadiest : farthest);
    }
    if (still > (this.view.started ? noticeMs : beginMs)) this.step();
    if (phase === 'playing' && still > noticeMs) this.update({ phase: 'tuning', ahead: 0 });
    if (this.mse) this.impatient(still);
  }

  /** Keeps the distance to the live edge. */
  private chase(): void {
    if (!this.mse) return; // the browser keeps its own distance
    const ahead = this.ahead();
    this.target = Math.max(this.target - calmStep, this.nearest);
    if (this.view.shifted) {
      this.video.playbackRate = 1;
      this.update({ ahead: Math.round(ahead * 10) / 10 });
      this.backoff.reset();
      return;
    }
    const excess = ahead - this.target;
    this.jump(farOff);
    const pace = paces.find((p) => (this.video.playbackRate === p.rate ? !p.until(excess) : p.from(excess)));
    this.video.playbackRate = pace ? pace.rate : 1;
    this.update({ ahead: Math.round(ahead * 10) / 10 });
    this.backoff.reset();
  }

  /** Goes close to the live edge if it is further away than it should be by the limit. */
  private jump(limit: number): void {
    const excess = this.ahead() - this.target;
    if (this.view.shifted || excess <= (this.stable ? limit + steady : limit)) return;
    this.video.currentTime += excess - landing;
    this.position = this.video.currentTime; // it has not moved by itself
  }

  /** Steps over a hole that lost chunks have left in the stream. */
  private step(): void {
    const { buffered, currentTime } = this.video;
    for (let i = 0; i < buffered.length; i++) {
      const start = buffered.start(i);
      if (start > currentTime && buffered.end(i) - start > 0.2) {
        this.video.currentTime = start + 0.01;
        return;
      }
    }
  }

  private impatient(still: number): void {
    if (!this.view.started && this.video.readyState === 0 && this.bytes > 200e3 && still > undecodedMs) {
      this.refuse();
      return;
    }
    const flows = this.gateway === 'playing' && this.view.started;
    const since = performance.now() - this.flowing;
    if (flows ? Math.min(still, since) > stalledMs : still > patienceMs) this.again();
  }

  /** Seconds of media between the picture and the newest byte. */
  private ahead(): number {
    const { buffered, currentTime } = this.video;
    return buffered.length ? buffered.end(buffered.length - 1) - currentTime : 0;
  }

  /** Keeps the last picture on the screen while the video element has none. */
  private freeze(): void {
    const { video, frozen } = this;
    if (video.readyState < 2 || !video.videoWidth) return;
    frozen.width = video.videoWidth;
    frozen.height = video.videoHeight;
    frozen.getContext('2d')?.drawImage(video, 0, 0);
    frozen.hidden = false;
  }

  private melt(): void {
    this.frozen.hidden = true;
  }
}
