// The second script of the page: views of the gateway itself. What it imports from outside of this folder is the first one's (shared.ts).

import type { JSX } from 'preact';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { about } from '../api';
import { Icon } from '../icons';
import { isBack, isTyping } from '../keys';
import { leave } from '../route';
import { ViewLink } from '../viewlink';
import { About } from './about';
import { Health } from './health';
import { Log } from './log';
import { Settings } from './settings';
import { t } from './words';

const views = { health: Health, settings: Settings, log: Log, about: About };
type Name = keyof typeof views;

function Views(props: { view: string }) {
  const { view } = props;
  const tabs = useRef<HTMLElement>(null);
  const View = views.hasOwnProperty(view) ? views[view as Name] as () => JSX.Element : undefined;
  useLayoutEffect(() => {
    scrollTo(0, 0);
    document.title = `${t(View ? view as Name : 'nowhere')} · ${about.name}`;
    tabs.current?.querySelector<HTMLElement>('[aria-current]')?.focus();
  }, [view]);
  useEffect(() => {
    const onKey = (e: KeyboardEvent): void => {
      if (isTyping(e) || !isBack(e)) return;
      e.preventDefault();
      leave();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
  return (
    <main class="page owner">
      <nav class="tabs" ref={tabs} aria-label={t('gateway')}>
        <button class="icon-button" data-nav title={t('back')} aria-label={t('back')} onClick={leave}><Icon name="back" /></button>
        {(Object.keys(views) as Name[]).map((name) => <ViewLink key={name} class="chip" view={name} current={name === view}>{t(name)}</ViewLink>)}
      </nav>
      {View ? <View key={view} /> : <h1>{t('nowhere')}</h1>}
    </main>
  );
}

(window as unknown as { swarmgate: { Views: typeof Views } }).swarmgate.Views = Views;
