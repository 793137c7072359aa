// The grid: channels, films, and the other ways to watch them.

import type { JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import { about, absolute, type Channel } from './api';
import { CopyRow } from './copy';
import { t } from './i18n';
import { Icon } from './icons';
import { lastWatched } from './route';
import type { Gateway } from './store';
import { Tile } from './tile';

/** Up to this many tiles are shown large, channels beside films. */
const few = 4;

export function Home(props: { gateway: Gateway; add: () => void }) {
  const { channels, sessions } = props.gateway;
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
      <Doors channels={channels} />
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
function Doors(props: { channels: Channel[] }) {
  const films = props.channels.some((channel) => channel.kind === 'film');
  return (
    <section class="doors">
      <div class="card">
        <Icon name="tv" />
        <h3>{t('onTV')}</h3>
        <p>{t('onTVText')}</p>
        <p class="device">{about.name}</p>
      </div>
      <div class="card">
        <Icon name="list" />
        <h3>{t('inPlayer')}</h3>
        <p>{t('inPlayerText')}</p>
        <CopyRow label={t('playlist')} text={absolute('channels.m3u')} />
        {films ? <CopyRow label={t('filmList')} text={absolute('films.m3u')} /> : null}
      </div>
    </section>
  );
}
