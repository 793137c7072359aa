// Habits of the stage: full screen, controls that hide, a volume that is remembered.

import type { RefObject } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { recall, remember } from './memory';

const idleMs = 2500;

/** iPhones know full screen for a video alone, by a name of their own. */
interface OldVideo extends HTMLVideoElement {
  webkitEnterFullscreen?: () => void;
}

export function toggleFullscreen(stage: HTMLElement | null, video: OldVideo | null): void {
  if (document.fullscreenElement) void document.exitFullscreen();
  else if (stage?.requestFullscreen) void stage.requestFullscreen().catch(() => undefined);
  else video?.webkitEnterFullscreen?.();
}

/** Tells whether the viewer has let go of mouse and keys for a while. */
export function useIdle(stage: RefObject<HTMLElement | null>, playing: boolean): boolean {
  const [idle, setIdle] = useState(false);
  useEffect(() => {
    const element = stage.current;
    if (!element || !playing) {
      setIdle(false);
      return;
    }
    let timer = 0;
    const wake = (): void => {
      setIdle(false);
      clearTimeout(timer);
      timer = window.setTimeout(() => setIdle(true), idleMs);
    };
    const events = ['mousemove', 'touchstart', 'keydown', 'focusin'];
    events.forEach((name) => element.addEventListener(name, wake));
    wake();
    return () => {
      clearTimeout(timer);
      events.forEach((name) => element.removeEventListener(name, wake));
    };
  }, [playing]);
  return idle;
}

export interface Volume {
  level: number; // 0 to 1
  muted: boolean;
  set: (level: number) => void;
  toggleMute: () => void;
}

/** The volume of the video, kept between visits. */
export function useVolume(video: RefObject<HTMLVideoElement | null>): Volume {
  const [state, setState] = useState({ level: 1, muted: false });
  useEffect(() => {
    const element = video.current;
    if (!element) return undefined;
    const level = parseFloat(recall('volume'));
    element.volume = level >= 0 && level <= 1 ? level : 1;
    element.muted = recall('muted') === 'yes';
    const onChange = (): void => {
      setState({ level: element.volume, muted: element.muted });
      remember('volume', String(element.volume));
      remember('muted', element.muted ? 'yes' : 'no');
    };
    onChange();
    element.addEventListener('volumechange', onChange);
    return () => element.removeEventListener('volumechange', onChange);
  }, []);
  return {
    ...state,
    set: (level) => {
      if (!video.current) return;
      video.current.volume = level;
      video.current.muted = level === 0;
    },
    toggleMute: () => {
      if (video.current) video.current.muted = !video.current.muted;
    },
  };
}
