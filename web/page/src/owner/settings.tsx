// The settings: each with its value, where that comes from, and what overrides it. What is written is checked by the gateway
// while it is being written, and counts from the next start on.

import { useEffect, useRef, useState } from 'preact/hooks';
import { ask, type Refused } from '../api';
import { Icon } from '../icons';
import { moveFocus } from '../keys';
import { toast } from '../toast';
import { Problem } from './problem';
import { named, t, translated } from './words';

type Value = boolean | number | string | string[];

interface Setting {
  key: string;
  value: Value; // as it is after the next start
  default: Value;
  origin: 'default' | 'page' | 'file' | 'environment' | 'flag';
  overridden: string; // by which file, variable or flag, empty for nothing
  changeable: boolean;
  pending: boolean; // value waits for the next start
  meaning: string; // in English
  choices: string[]; // empty where they can't be listed
}

/** What was written and not saved, by key; null stands for the default. */
interface Drafts {
  [key: string]: boolean | string | null;
}

/** What is wrong, by key, in the words of the gateway. */
interface Reasons {
  [key: string]: string;
}

const path = 'api/v1/settings';
/** Pause in writing before the gateway is asked what it thinks. */
const pauseMs = 300;

/** What the gateway says of values that are wrong. */
interface Answer {
  reasons: Reasons;
}

/** A value as it is written in a field. */
const written = (value: Value): string => (Array.isArray(value) ? value.join(', ') : String(value));

/** What a draft is for the gateway. */
function valueOf(s: Setting, draft: boolean | string | null): Value | null {
  if (draft === null || typeof draft === 'boolean') return draft;
  if (Array.isArray(s.value)) return (/"/.test(draft) ? draft.split('"').filter((_, i) => i % 2) : draft.split(/[\s,]+/)).filter(Boolean); // ["one", "two"] or one, two
  return typeof s.value === 'number' && /^\s*-?\d{1,15}\s*$/.test(draft) ? Number(draft) : draft.trim();
}

export function Settings() {
  const [all, see] = useState<Setting[] | null>(null);
  const [open, know] = useState<boolean | null>(null); // nobody needs a password
  const [drafts, write] = useState<Drafts>({});
  const [reasons, explain] = useState<Reasons>({});
  const [refused, refuse] = useState<Refused | null>(null);
  const [query, find] = useState('');
  const list = useRef<HTMLDivElement>(null);
  const keys = Object.keys(drafts);
  const values = (): { [key: string]: Value | null } => {
    const to: { [key: string]: Value | null } = {};
    for (const s of all || []) if (s.key in drafts) to[s.key] = valueOf(s, drafts[s.key] as string);
    return to;
  };
  useEffect(() => {
    ask<Setting[]>(path).then(see, refuse);
    ask<{ password: boolean }>('api/v1/login').then((l) => know(!l.password), () => undefined);
  }, []);
  useEffect(() => {
    explain((old) => keys.reduce((kept: Reasons, key) => (old[key] ? { ...kept, [key]: old[key] as string } : kept), {}));
    if (!keys.length) return undefined;
    let over = false;
    const timer = setTimeout(() => void ask<Answer>(path + '/check', 'POST', values()).then((a) => over || explain(a.reasons), (r: Refused) => over || refuse(r)), pauseMs);
    return () => { over = true; clearTimeout(timer); };
  }, [drafts]);
  const draft = (s: Setting, value: boolean | string | null): void => {
    const next = { ...drafts };
    const same = value === null ? s.origin !== 'page' : written(s.value) === String(value);
    if (same) delete next[s.key];
    else next[s.key] = value;
    explain(({ [s.key]: stale, ...others }) => others); // what was said was about another value
    write(next);
  };
  const drop = (key: string): void => {
    const { [key]: gone, ...others } = drafts;
    if (gone !== undefined) write(others);
    focusField(key);
  };
  const toWrong = (): void => list.current?.querySelector<HTMLElement>('[aria-invalid=true]')?.focus();
  const save = (from: string): void => {
    if (Object.keys(reasons).length) return toWrong();
    refuse(null);
    ask<Setting[]>(path, 'PATCH', values()).then((now) => {
      see(now);
      write({});
      toast(t('saved'));
      focusField(from); // the button goes
    }, (reason: Refused) => {
      const wrong = (reason.body as Partial<Answer>).reasons;
      if (!wrong) return refuse(reason);
      explain(wrong);
      setTimeout(toWrong); // once they are marked
    });
  };
  const wanted = query.trim().toLowerCase();
  const shown = (all || []).filter((s) => !wanted || [named('setting', s.key), s.key, s.meaning].join(' ').toLowerCase().indexOf(wanted) >= 0);
  const sections = shown.map(sectionOf).filter((name, i, names) => names.indexOf(name) === i);
  const fixed = (name: string): boolean => !shown.some((s) => sectionOf(s) === name && s.changeable);
  sections.sort((a, b) => Number(fixed(a)) - Number(fixed(b)));
  return (
    <div ref={list}>
      <h1>{t('settings')}</h1>
      {refused && refused.status === 404 ? <p class="summary">{t('noSettings')}</p> : refused ? <Problem reason={refused} /> : null}
      {all ? (
        <>
          <p class="soft">{t('settingsText')} {open === null ? '' : t(open ? 'mayAll' : 'mayMembers')}</p>
          {all.some((s) => s.pending) ? <p class="note waiting" role="status"><Icon name="info" /><span>{t('waiting')} <code dir="ltr">systemctl restart swarmgate</code></span></p> : null}
          <label class="search">
            <Icon name="search" />
            <input type="search" data-nav placeholder={t('findSetting')} aria-label={t('findSetting')} value={query} onKeyDown={upAndDown} onInput={(e) => find(e.currentTarget.value)} />
          </label>
          {shown.length ? null : <p class="none" role="status">{t('noSuchSetting')}</p>}
        </>
      ) : null}
      {sections.map((name) => (
        <section key={name}>
          <h2>{named('section', name)}</h2>
          <div class="card settings">
            {shown.filter((s) => sectionOf(s) === name).map((s) => (
              <Row key={s.key} setting={s} draft={drafts[s.key]} reason={reasons[s.key] || ''} change={(value) => draft(s, value)} changes={keys.length} save={() => save(s.key)} drop={() => drop(s.key)} />
            ))}
          </div>
        </section>
      ))}
    </div>
  );
}

const fieldOf = (key: string): string => 'setting-' + key.replace('.', '-');

function focusField(key: string): void {
  const field = document.getElementById(fieldOf(key));
  (field?.matches('[data-nav]') ? field : field?.querySelector<HTMLElement>('[aria-pressed=true]'))?.focus();
}

const sectionOf = (s: Setting): string => (s.key.indexOf('.') < 0 ? 'general' : s.key.split('.')[0] as string);

/** In a field of one line, up and down lead to its neighbours. */
function upAndDown(e: KeyboardEvent): void {
  if ((e.key === 'ArrowUp' || e.key === 'ArrowDown') && moveFocus(e.key)) e.preventDefault();
}

interface RowProps {
  setting: Setting;
  draft: boolean | string | null | undefined;
  reason: string;
  changes: number; // of all rows, which are saved together
  change: (value: boolean | string | null) => void;
  save: () => void;
  drop: () => void;
}

function Row(props: RowProps) {
  const { setting: s, draft, reason } = props;
  const id = fieldOf(s.key);
  const said = translated('meaning', s.key);
  const value = draft === undefined ? s.value : draft === null ? s.default : draft;
  const back = s.changeable && draft !== null && (draft !== undefined || s.origin === 'page') && written(s.default) !== written(value);
  return (
    <div class="setting" {...(s.changeable ? {} : { tabIndex: -1, 'data-nav': true })}>
      <div class="what">
        <h3><label id={id + '-name'} for={s.changeable ? id : undefined}>{named('setting', s.key)}</label></h3>
        <p id={id + '-text'} class="soft" lang={said ? undefined : 'en'} dir="auto">{said || s.meaning}</p>
        <p class="origin"><code dir="ltr">{s.key}</code> <span>{origin(s)}</span> {s.pending ? <strong>{t('pending')}</strong> : null}</p>
      </div>
      <div class="how">
        {s.changeable ? <Field id={id} setting={s} value={value} wrong={!!reason} change={props.change} save={() => { if (draft !== undefined) props.save(); }} /> : <p class="fixed"><bdi>{shownValue(s.value)}</bdi></p>}
        {s.changeable ? null : <p class="soft">{s.overridden ? t('overridden', { place: place(s) }) : t('fileOnly')}</p>}
        <p class="error" id={id + '-wrong'} role="alert" lang="en" dir="auto">{reason ? sentence(reason) : ''}</p>
        {draft === undefined ? null : (
          <div class="row">
            <button class="button main" data-nav onClick={props.save}>{t(props.changes === 1 ? 'save' : 'saveAll', { n: props.changes })}</button>
            <button class="button" data-nav onClick={props.drop}>{t('discard')}</button>
          </div>
        )}
        {back ? <button class="plain" data-nav onClick={() => props.change(null)}>{t('toDefault', { value: shownValue(s.default) })}</button> : null}
      </div>
    </div>
  );
}

function Field(props: { id: string; setting: Setting; value: Value; wrong: boolean; change: (value: boolean | string) => void; save: () => void }) {
  const { id, setting: s, value } = props;
  const described = `${id}-text ${id}-wrong`;
  if (typeof s.value === 'boolean') {
    return (
      <button id={id} class="switch" data-nav role="switch" aria-checked={value === true} aria-labelledby={id + '-name'} aria-describedby={described} onClick={() => props.change(!value)}>
        <span class="knob" />{t(value ? 'on' : 'off')}
      </button>
    );
  }
  if (s.choices.length) {
    return (
      <div id={id} class="choices" role="group" aria-labelledby={id + '-name'} aria-describedby={described}>
        {s.choices.map((choice) => <button key={choice} class="chip" data-nav aria-pressed={value === choice} onClick={() => props.change(choice)}>{named('choice', choice)}</button>)}
      </div>
    );
  }
  return (
    <input id={id} data-nav dir="auto" autoComplete="off" spellcheck={false} inputMode={typeof s.value === 'number' ? 'numeric' : 'text'} value={written(value)}
      placeholder={s.default === '' || Array.isArray(s.default) ? t('leftEmpty') : written(s.default)}
      aria-invalid={props.wrong} aria-describedby={described} onKeyDown={(e) => { if (e.key === 'Enter') props.save(); else upAndDown(e); }} onInput={(e) => props.change(e.currentTarget.value)} />
  );
}

function shownValue(value: Value): string {
  if (typeof value === 'boolean') return t(value ? 'on' : 'off');
  return written(value) || '–';
}

const place = (s: Setting): string => (s.origin === 'flag' ? t('commandLine') : s.overridden);

function origin(s: Setting): string {
  return s.origin === 'default' || s.origin === 'page' ? t(s.origin === 'page' ? 'chosenHere' : 'isDefault') : t('from', { place: place(s) });
}

/** The gateway's reason goes on behind the name of a setting; here it stands alone. */
function sentence(reason: string): string {
  const text = /^(is|are|wants|can't|shuts) /.test(reason) ? 'This ' + reason : reason;
  return text.charAt(0).toUpperCase() + text.slice(1).replace(/\.?$/, '.');
}
