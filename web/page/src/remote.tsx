// The remote control of TVs that play something of this gateway, at the lower edge.

import { useEffect, useState } from 'preact/hooks';
import type { Channel, Renderer } from './api';
import { clock, percent, t } from './i18n';
import { Icon, type IconName } from './icons';
import { moveFocus } from './keys';
import { watch, watched } from './route';
import { doing, order } from './screens';
import { renderers, useGateway } from './store';

/** How long a slider stays where it was dragged to when the TV does not follow. */
const lingerMs = 6000;

export function Remotes() {
  const { renderers: all, channels } = useGateway();
  const active = all.filter((r) => r.channel !== '');
  if (!active.length) return null;
  return (
    <section class="remotes" aria-label={t('tvRemote')}>
      {active.map((r) => <Remote key={r.id} screen={r} channel={channels?.find((c) => c.id === r.channel)} />)}
    </section>
  );
}

function Remote(props: { screen: Renderer; channel: Channel | undefined }) {
  const { screen, channel } = props;
  const title = channel?.title || '';
  const running = screen.state === 'playing' || screen.state === 'buffering';
  const film = screen.duration_s > 0 && channel?.kind !== 'live';
  const step = (by: number): void => {
    const here = watched() === screen.channel;
    void order(screen, 'next', { by }).then((done) => {
      const now = renderers.find(screen.id);
      if (done && here && now && now.channel) watch(now.channel); // the page goes along with the TV
    });
  };
  return (
    <div class="remote" role="group" aria-label={t('tvOn', { name: screen.name })}>
      <div class="remote-what">
        <Icon name="tv" />
        <p>
          <strong><bdi>{title}</bdi></strong>
          <small><bdi>{screen.name}</bdi> · <span role="status">{doing(screen, title)}</span></small>
        </p>
      </div>
      <div class="remote-keys">
        <Key name="previous" label={t('tvPrevious')} act={() => step(-1)} />
        <Key name={running ? 'pause' : 'play'} label={t(running ? 'pause' : 'play')} main
          act={() => void order(screen, running ? 'pause' : 'resume')} />
        <Key name="next" label={t('tvNext')} act={() => step(1)} />
        <Key name="stop" label={t('tvStop')} act={() => void order(screen, 'stop')} />
      </div>
      {film ? (
        <div class="remote-seek">
          <span>{clock(screen.position_s)}</span>
          <Slider label={t('tvPosition')} value={screen.position_s} max={screen.duration_s} step={1} text={clock}
            set={(to) => order(screen, 'seek', { position_s: to })} />
          <span>{clock(screen.duration_s)}</span>
        </div>
      ) : null}
      {screen.volume === null ? null : (
        <div class="remote-volume">
          <Icon name={screen.volume ? 'sound' : 'silent'} />
          <Slider label={t('volume')} value={screen.volume} max={100} step={1} text={(n) => percent(n / 100)}
            set={(to) => order(screen, 'volume', { percent: to })} />
        </div>
      )}
    </div>
  );
}

function Key(props: { name: IconName; label: string; act: () => void; main?: boolean }) {
  return (
    <button class={props.main ? 'icon-button main' : 'icon-button'} data-nav title={props.label} aria-label={props.label} onClick={props.act}>
      <Icon name={props.name} />
    </button>
  );
}

/** A slider that shows what the viewer drags until the TV has followed. */
function Slider(props: { label: string; value: number; max: number; step: number; text: (n: number) => string; set: (to: number) => Promise<boolean> }) {
  const [dragged, drag] = useState<number | null>(null);
  const shown = dragged === null ? props.value : dragged;
  useEffect(() => {
    if (dragged === null) return undefined;
    const timer = setTimeout(() => drag(null), lingerMs);
    return () => clearTimeout(timer);
  }, [dragged]);
  const onKey = (e: KeyboardEvent): void => {
    if ((e.key === 'ArrowUp' || e.key === 'ArrowDown') && moveFocus(e.key)) e.preventDefault();
  };
  const commit = (to: number): void => void props.set(to).then(() => drag(null));
  return (
    <input type="range" data-nav min={0} max={Math.max(props.max, 1)} step={props.step} value={shown} aria-label={props.label}
      aria-valuetext={props.text(shown)} onInput={(e) => drag(parseFloat(e.currentTarget.value))}
      onChange={(e) => commit(parseFloat(e.currentTarget.value))} onKeyDown={onKey} />
  );
}
