// A channel or film in the grid.

import { useState } from 'preact/hooks';
import { watchPath, type Channel, type Session } from './api';
import { Art } from './art';
import { clock, count, number, rate, size, t, time } from './i18n';
import { Icon } from './icons';
import { watch } from './route';

export function Tile(props: { channel: Channel; session: Session | undefined; number?: number }) {
  const { channel, session } = props;
  const seen = channel.duration_s ? channel.position_s / channel.duration_s : 0;
  const open = (e: MouseEvent): void => {
    if (e.ctrlKey || e.metaKey || e.shiftKey || e.button !== 0) return;
    e.preventDefault();
    watch(channel.id);
  };
  const active = session && session.viewers > 0;
  return (
    <a class="tile" href={watchPath(channel.id)} data-nav data-id={channel.id} onClick={open}>
      <div class="art">
        <Picture channel={channel} />
        <span class="glyph"><Icon name="play" /></span>
        <Badge kind={channel.kind} />
        {channel.favourite ? <span class="fav" title={t('favourite')}><Icon name="starred" /></span> : null}
        {seen > 0 ? <progress class="seen" max={1} value={seen} aria-label={t('seen')} /> : null}
        {channel.kind === 'film' && channel.duration_s ? <span class="length">{clock(channel.duration_s)}</span> : null}
      </div>
      <div class="text">
        <h3>{props.number ? <small class="number">{number(props.number)}</small> : null}<bdi>{channel.title}</bdi></h3>
        <p>{active ? <span class="active">{t('watching')} · {viewers(session.viewers)}</span> : channel.now ? <OnAir channel={channel} /> : facts(channel)}</p>
      </div>
    </a>
  );
}

/** What is on now, and how far it is. */
export function OnAir(props: { channel: Channel }) {
  const { now, next } = props.channel;
  if (!now) return null;
  const from = Date.parse(now.start);
  const share = (Date.now() - from) / Math.max(1, Date.parse(now.end) - from);
  return (
    <span class="onair" title={next ? `${time(next.start)} ${next.title}` : now.description}>
      <bdi>{now.title}</bdi>
      <progress max={1} value={Math.min(1, Math.max(0, share))} aria-label={t('now')} />
    </span>
  );
}

export const viewers = (n: number): string => count('viewers', n);

/** What is known of a channel, in one line. */
export function facts(channel: Channel): string {
  const known = [channel.group];
  if (channel.kind === 'film' && channel.length) known.push(size(channel.length));
  if (channel.kind === 'live' && channel.rate_bps) known.push(rate(channel.rate_bps));
  return known.filter(Boolean).join(' · ');
}

/** The provider's logo, or a drawn picture where there is none. */
export function Picture(props: { channel: Channel }) {
  const { channel } = props;
  const [broken, setBroken] = useState('');
  if (!channel.logo || broken === channel.logo) return <Art id={channel.id} kind={channel.kind} title={channel.title} />;
  return (
    <>
      <Art id={channel.id} kind={channel.kind} title="" />
      <img class="logo" src={channel.logo} alt="" loading="lazy" onError={() => setBroken(channel.logo)} />
    </>
  );
}

export function Badge(props: { kind: Channel['kind'] }) {
  return <span class={'badge ' + props.kind}>{t(props.kind)}</span>;
}
