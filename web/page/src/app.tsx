// The frame around grid and watch page: header, footer, dialogs and what they share.

import { useEffect, useState } from 'preact/hooks';
import { about, base, onLocked } from './api';
import { AddDialog } from './add';
import { HelpDialog, SignInDialog } from './dialogs';
import { PhoneDialog } from './edit';
import { Home } from './home';
import { t } from './i18n';
import { Icon, Logo } from './icons';
import { isTyping, moveFocus } from './keys';
import { Remotes } from './remote';
import { useViewed, useWatched } from './route';
import { StatusDialog } from './status';
import { refresh, useGateway } from './store';
import { toggleTheme } from './theme';
import { Toast } from './toast';
import { ViewLink } from './viewlink';
import { GatewayViews } from './views';
import { Watch } from './watch';

export function App() {
  const gateway = useGateway();
  const id = useWatched();
  const view = useViewed();
  const [visit, begin] = useState(0); // a new one after signing in
  const [dialog, open] = useState<'' | 'help' | 'add' | 'phone' | 'signin' | 'status'>('');
  const close = (): void => open('');
  const add = (): void => open('add');
  useEffect(() => onLocked(() => open('signin')), []);

  useEffect(() => {
    const onKey = (e: KeyboardEvent): void => {
      if (isTyping(e) || e.ctrlKey || e.altKey || e.metaKey) return;
      if (e.key === '?') open('help');
      else if (!dialog && moveFocus(e.key)) e.preventDefault();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, [dialog]);

  return (
    <>
      {id === null ? <Header help={() => open('help')} add={add} phone={() => open('phone')} /> : null}
      {gateway.online ? null : <p class="banner" role="status">{t('offline')}…</p>}
      {view !== null ? <GatewayViews key={visit} view={view} /> : id === null ? <Home gateway={gateway} add={add} /> : <Watch key={id} id={id} gateway={gateway} />}
      <Footer status={() => open('status')} />
      <Remotes />
      {dialog === 'help' ? <HelpDialog close={close} /> : null}
      {dialog === 'status' ? <StatusDialog close={close} /> : null}
      {dialog === 'add' ? <AddDialog close={close} /> : null}
      {dialog === 'phone' ? <PhoneDialog path={base} close={close} /> : null}
      {dialog === 'signin' ? <SignInDialog close={close} done={() => { close(); begin(visit + 1); void refresh(); }} /> : null}
      <Toast />
    </>
  );
}

function Header(props: { help: () => void; add: () => void; phone: () => void }) {
  return (
    <header class="header">
      <a class="brand" href={base} aria-label={about.name}>
        <Logo />
        <span>Swarmgate</span>
      </a>
      <span class="host">{about.name.replace(/^Swarmgate\s*/, '').replace(/^\((.*)\)$/, '$1')}</span>
      <span class="space" />
      <button class="button" data-nav onClick={props.add}>
        <Icon name="plus" />
        <span>{t('add')}</span>
      </button>
      <button class="icon-button wide-only" data-nav title={t('onPhone')} aria-label={t('onPhone')} onClick={props.phone}>
        <Icon name="phone" />
      </button>
      <button class="icon-button" data-nav title={t('theme')} aria-label={t('theme')} onClick={toggleTheme}>
        <Icon name="theme" />
      </button>
      <button class="icon-button wide-only" data-nav title={t('help')} aria-label={t('help')} onClick={props.help}>
        <Icon name="keys" />
      </button>
    </header>
  );
}

function Footer(props: { status: () => void }) {
  return (
    <footer class="footer">
      <ViewLink view="about">{t('about', { version: about.version })}</ViewLink>
      <button class="plain" data-nav onClick={props.status}>{t('status')}</button>
      <ViewLink view="health">{t('health')}</ViewLink>
      <ViewLink view="settings">{t('settings')}</ViewLink>
      <ViewLink view="log">{t('log')}</ViewLink>
    </footer>
  );
}
