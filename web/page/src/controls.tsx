// Controls of a live channel: there is nothing to seek in, so the browser's own would
// show a clock without meaning.

import type { RefObject } from 'preact';
import { clock, t, tenth } from './i18n';
import { Icon } from './icons';
import type { Session } from './api';
import type { View } from './player';
import type { Volume } from './stage';

export function Controls(props: {
  view: View;
  volume: Volume;
  toggle: () => void;
  full: () => void;
  video: RefObject<HTMLVideoElement | null>;
  session: Session | undefined;
  shift: (behind: number) => void;
  zap: (by: number) => void;
  guide: () => void;
  stable: boolean;
  steady: () => void;
}) {
  const { view, volume } = props;
  const stopped = view.phase === 'paused' || view.phase === 'blocked' || view.phase === 'failed';
  const silent = volume.muted || volume.level === 0;
  const pip = (): void => void props.video.current?.requestPictureInPicture().catch(() => undefined);
  const span = Math.max(Math.floor(props.session?.buffer_s || 0), Math.ceil(view.ahead));
  return (
    <div class="controls">
      {view.started && span > leastSpan && !view.converted ? (
        <input class="shift" type="range" min={-span} max={0} step={1} value={-view.ahead} aria-label={t('timeShift')}
          aria-valuetext={view.shifted ? t('behind', { at: clock(view.ahead) }) : t('live')} onChange={(e) => props.shift(-parseFloat(e.currentTarget.value))} />
      ) : null}
      <Button name={stopped ? 'play' : 'pause'} label={t(stopped ? 'play' : 'pause')} act={props.toggle} />
      <Button name={silent ? 'silent' : 'sound'} label={t(silent ? 'unmute' : 'mute')} act={volume.toggleMute} />
      <input class="volume" type="range" min="0" max="1" step="0.05" aria-label={t('volume')} value={silent ? 0 : volume.level}
        onInput={(e) => volume.set(parseFloat(e.currentTarget.value))} />
      <button class={view.phase === 'playing' && !view.shifted ? 'edge on' : 'edge'} data-nav title={t('goLive')} onClick={() => props.shift(0)}>
        {t('live')}
        {view.ahead ? <small>{view.shifted ? '−' + clock(view.ahead) : t('seconds', { n: tenth(view.ahead) })}</small> : null}
      </button>
      <span class="space" />
      <button class="mode" data-nav aria-pressed={props.stable} title={t('stableText')} onClick={props.steady}>{t(props.stable ? 'stable' : 'lowDelay')}</button>
      <Button name="up" label={t('channelUp')} act={() => props.zap(1)} />
      <Button name="down" label={t('channelDown')} act={() => props.zap(-1)} />
      <Button name="list" label={t('guide')} act={props.guide} />
      {document.pictureInPictureEnabled ? <Button name="pip" label={t('pip')} act={pip} /> : null}
      <Button name="full" label={t('fullscreen')} act={props.full} />
    </div>
  );
}

/** Seconds of buffer from which on going back is offered. */
const leastSpan = 5;

function Button(props: { name: 'play' | 'pause' | 'sound' | 'silent' | 'pip' | 'full' | 'up' | 'down' | 'list'; label: string; act: () => void }) {
  return (
    <button class="icon-button" data-nav data-zap={props.name === 'up' || props.name === 'down' ? '' : undefined} title={props.label} aria-label={props.label} onClick={props.act}>
      <Icon name={props.name} />
    </button>
  );
}
