// The grid: channels, films, and the other ways to watch them.

import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { about, absolute, type Channel, type Device } from './api';
import { CopyRow } from './copy';
import { number, t } from './i18n';
import { Icon } from './icons';
import { lastWatched } from './route';
import type { Gateway } from './store';
import { Tile } from './tile';
import { numberOf } from './zap';

/** Up to this many tiles are shown large, channels beside films. */
const few = 4;

export function Home(props: { gateway: Gateway; add: () => void }) {
  const { channels, sessions, device } = props.gateway;
  const [query, setQuery] = useState('');
  const [group, setGroup] = useState('');
  useEffect(() => {
    document.title = about.name;
    const tiles = Array.from(document.querySelectorAll<HTMLElement>('.tile[data-id]'));
    tiles.find((tile) => tile.dataset['id'] === lastWatched())?.focus();
  }, []);
  if (channels === null) return <main class="page"><Waiting /></main>;
  const wanted = query.trim().toLocaleLowerCase();
  const shown = channels.filter((c) =>
    (group === '' || (group === starred ? c.favourite : c.group === group)) &&
    (!wanted || [c.title, c.group, c.now ? c.now.title : '', ...(c.kind === 'live' ? [String(numberOf(channels, c)), number(numberOf(channels, c))] : [])].some((text) => text.toLocaleLowerCase().indexOf(wanted) >= 0)));
  const section = (title: string, items: Channel[], grid = 'grid'): JSX.Element | null => {
    if (!items.length) return null;
    return (
      <section>
        <h2>{title}<small>{number(items.length)}</small></h2>
        <ul class={grid}>
          {items.map((channel) => (
            <li key={channel.id}>
              <Tile channel={channel} session={sessions.find((s) => s.channel === channel.id)} number={channels.length > few ? numberOf(channels, channel) : 0} />
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
      {channels.length > few ? <Filter channels={channels} query={query} setQuery={setQuery} group={group} setGroup={setGroup} /> : null}
      <div class={channels.length <= few ? 'shelves few' : 'shelves'}>
        {query || group || channels.length <= few ? null : section(t('goOn'), begun(channels), 'grid small')}
        {section(t('channels'), shown.filter((c) => c.kind === 'live'))}
        {section(t('films'), shown.filter((c) => c.kind === 'film'))}
      </div>
      {channels.length && !shown.length ? <p class="none" role="status">{t('nothingFound')}</p> : null}
      <Doors channels={channels} device={device} />
    </main>
  );
}

/** Stands among the groups for the favourites; no group can be called so. */
const starred = '\n';
/** Most that is offered to go on with. */
const mostBegun = 4;

/** Films that were left, and what was watched last, newest first. */
function begun(channels: Channel[]): Channel[] {
  return channels.filter((c) => c.watched && (c.kind === 'live' || c.position_s > 0))
    .sort((a, b) => Date.parse(b.watched || '') - Date.parse(a.watched || '')).slice(0, mostBegun);
}

function Filter(props: { channels: Channel[]; query: string; setQuery: (q: string) => void; group: string; setGroup: (g: string) => void }) {
  const groups = props.channels.map((c) => c.group).filter((g, i, all) => g && all.indexOf(g) === i);
  const chip = (key: string, label: string): JSX.Element => (
    <button class="chip" key={key} data-nav aria-pressed={props.group === key} onClick={() => props.setGroup(key)}>{label}</button>
  );
  return (
    <div class="filter">
      <label class="search">
        <Icon name="search" />
        <input type="search" data-nav placeholder={t('search')} aria-label={t('search')} value={props.query} onInput={(e) => props.setQuery(e.currentTarget.value)} />
      </label>
      {chip('', t('all'))}
      {props.channels.some((c) => c.favourite) ? chip(starred, t('favourites')) : null}
      {groups.map((g) => chip(g, g))}
    </div>
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
          <p class="device"><bdi>{device.name}</bdi></p>
        </div>
      ) : null}
      <div class="card">
        <h3><Icon name="list" />{t('inPlayer')}</h3>
        <p>{t('inPlayerText')}</p>
        <CopyRow label={t('channels')} text={absolute('channels.m3u')} />
        {films ? <CopyRow label={t('films')} text={absolute('films.m3u')} /> : null}
      </div>
      {device && !found && device.problem ? <p class="note"><Icon name="tv" /><span dir="auto">{sentence(device.problem)}</span></p> : null}
    </section>
  );
}

const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1).replace(/\.?$/, '.');
