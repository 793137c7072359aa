// The grid: channels, films, and the other ways to watch them.

import type { JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import { about, absolute, type Channel, type Device } from './api';
import { CopyRow } from './copy';
import { t } from './i18n';
import { Icon } from './icons';
import { lastWatched } from './route';
import type { Gateway } from './store';
import { Tile } from './tile';

/** Up to this many tiles are shown large, channels beside films. */
const few = 4;

export function Home(props: { gateway: Gateway; add: () => void }) {
  const { channels, sessions, device } = props.gateway;
  useEffect(() => {
    document.title = about.name;
    const tiles = Array.from(document.querySelectorAll<HTMLElement>('.tile[data-id]'));
    tiles.find((tile) => tile.dataset['id'] === lastWatched())?.focus();
  }, []);
  if (channels === null) return <main class="page"><Waiting /></main>;
  const section = (title: string, kind: Channel['kind']): JSX.Element | null => {
    const items = channels.filter((channel) => channel.kind === kind);
    if (!items.length) return null;
    return (
      <section>
        <h2>{title}<small>{items.length}</small></h2>
        <ul class="grid">
          {items.map((channel) => (
            <li key={channel.id}>
              <Tile channel={channel} session={sessions.find((s) => s.channel === channel.id)} />
            </li>
          ))}
        </ul>
      </section>
    );
  };
  return (
    <main class="page">
      <h1 class="hidden">{about.name}</h1>
      {channels.length ? null : <Empty add={props.add} />}
      <div class={channels.length <= few ? 'shelves few' : 'shelves'}>
        {section(t('channels'), 'live')}
        {section(t('films'), 'film')}
      </div>
      <Doors channels={channels} device={device} />
    </main>
  );
}

function Waiting() {
  return (
    <section aria-busy="true" aria-label={t('loading')}>
      <h2>{t('channels')}</h2>
      <ul class="grid">
        {[0, 1, 2, 3].map((i) => <li key={i}><div class="tile ghost"><div class="art" /></div></li>)}
      </ul>
    </section>
  );
}

function Empty(props: { add: () => void }) {
  return (
    <div class="empty">
      <h2>{t('empty')}</h2>
      <p>{t('emptyText')}</p>
      <button class="button main" data-nav onClick={props.add}><Icon name="plus" /><span>{t('addTitle')}</span></button>
    </div>
  );
}

/** The ways that lead to the same channels without this page. */
function Doors(props: { channels: Channel[]; device: Device | null }) {
  const { device } = props;
  const films = props.channels.some((channel) => channel.kind === 'film');
  const found = device !== null && device.found_on.length > 0;
  return (
    <section class="doors">
      {found ? (
        <div class="card">
          <h3><Icon name="tv" />{t('onTV')}</h3>
          <p>{t('onTVText')}</p>
          <p class="device">{device.name}</p>
        </div>
      ) : null}
      <div class="card">
        <h3><Icon name="list" />{t('inPlayer')}</h3>
        <p>{t('inPlayerText')}</p>
        <CopyRow label={t('channels')} text={absolute('channels.m3u')} />
        {films ? <CopyRow label={t('films')} text={absolute('films.m3u')} /> : null}
      </div>
      {device && !found && device.problem ? <p class="note"><Icon name="tv" /><span>{sentence(device.problem)}</span></p> : null}
    </section>
  );
}

const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1).replace(/\.?$/, '.');
