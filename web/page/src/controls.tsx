// Controls of a live channel: there is nothing to seek in, so the browser's own would
// show a clock without meaning.

import type { RefObject } from 'preact';
import { t, tenth } from './i18n';
import { Icon } from './icons';
import type { View } from './player';
import type { Volume } from './stage';

export function Controls(props: {
  view: View;
  volume: Volume;
  toggle: () => void;
  full: () => void;
  video: RefObject<HTMLVideoElement | null>;
}) {
  const { view, volume } = props;
  const stopped = view.phase === 'paused' || view.phase === 'blocked' || view.phase === 'failed';
  const silent = volume.muted || volume.level === 0;
  const pip = (): void => void props.video.current?.requestPictureInPicture().catch(() => undefined);
  return (
    <div class="controls">
      <Button name={stopped ? 'play' : 'pause'} label={t(stopped ? 'play' : 'pause')} act={props.toggle} />
      <Button name={silent ? 'silent' : 'sound'} label={t(silent ? 'unmute' : 'mute')} act={volume.toggleMute} />
      <input class="volume" type="range" min="0" max="1" step="0.05" aria-label={t('volume')} value={silent ? 0 : volume.level}
        onInput={(e) => volume.set(parseFloat(e.currentTarget.value))} />
      <span class={view.phase === 'playing' ? 'edge on' : 'edge'}>
        {t('live')}
        {view.ahead ? <small title={t('buffer')}>{t('seconds', { n: tenth(view.ahead) })}</small> : null}
      </span>
      <span class="space" />
      {document.pictureInPictureEnabled ? <Button name="pip" label={t('pip')} act={pip} /> : null}
      <Button name="full" label={t('fullscreen')} act={props.full} />
    </div>
  );
}

function Button(props: { name: 'play' | 'pause' | 'sound' | 'silent' | 'pip' | 'full'; label: string; act: () => void }) {
  return (
    <button class="icon-button" data-nav title={props.label} aria-label={props.label} onClick={props.act}>
      <Icon name={props.name} />
    </button>
  );
}
