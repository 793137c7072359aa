// What the household does with a channel or film: favourite, name, order, removal, code for a phone.

import { useEffect, useState } from 'preact/hooks';
import { editChannel, fetchReach, qrURL, removeChannel, setFavourite, watchPath, base, type Channel } from './api';
import { CopyRow } from './copy';
import { Dialog } from './dialogs';
import { t } from './i18n';
import { Icon } from './icons';
import { leave } from './route';
import { refresh } from './store';
import { toast } from './toast';

export function Actions(props: { channel: Channel }) {
  const { channel } = props;
  const [open, setOpen] = useState<'' | 'edit' | 'phone'>('');
  const close = (): void => setOpen('');
  const star = (): void => void setFavourite(channel.id, !channel.favourite).then(refresh, (e: Error) => toast(e.message));
  return (
    <>
      <button class="button" data-nav aria-pressed={channel.favourite} onClick={star}>
        <Icon name={channel.favourite ? 'starred' : 'star'} /><span>{t('favourite')}</span>
      </button>
      <button class="button" data-nav aria-haspopup="dialog" onClick={() => setOpen('phone')}><Icon name="phone" /><span>{t('onPhone')}</span></button>
      <button class="button" data-nav aria-haspopup="dialog" onClick={() => setOpen('edit')}><Icon name="edit" /><span>{t('edit')}</span></button>
      {open === 'edit' ? <EditDialog channel={channel} close={close} /> : null}
      {open === 'phone' ? <PhoneDialog path={watchPath(channel.id)} close={close} /> : null}
    </>
  );
}

function EditDialog(props: { channel: Channel; close: () => void }) {
  const { channel, close } = props;
  const [title, setTitle] = useState(channel.title);
  const [group, setGroup] = useState(channel.group);
  const [error, setError] = useState('');
  const [sure, setSure] = useState(false);
  const carry = (what: Promise<unknown>, then: () => void): void =>
    void what.then(refresh).then(then, (e: Error) => setError(e.message));
  const save = (e: Event): void => {
    e.preventDefault();
    carry(editChannel(channel.id, { title, group }), close);
  };
  const remove = (): void => {
    if (!sure) setSure(true);
    else void removeChannel(channel.id).then(() => { close(); leave(); void refresh(); toast(t('removed', { title: channel.title })); }, (e: Error) => setError(e.message));
  };
  return (
    <Dialog title={t('edit')} close={close}>
      <form onSubmit={save}>
        <label class="field"><span>{t('title')}</span><input value={title} required onInput={(e) => setTitle(e.currentTarget.value)} /></label>
        <label class="field"><span>{t('group')}</span><input value={group} onInput={(e) => setGroup(e.currentTarget.value)} /></label>
        <p class="error" role="alert" dir="auto">{error}</p>
        <div class="row">
          <button class="button main">{t('save')}</button>
          <button class="button" type="button" onClick={() => carry(editChannel(channel.id, { move: -1 }), () => toast(t('moved')))}>{t('earlier')}</button>
          <button class="button" type="button" onClick={() => carry(editChannel(channel.id, { move: 1 }), () => toast(t('moved')))}>{t('later')}</button>
          <button class="button danger" type="button" onClick={remove}>{t(sure ? 'removeSure' : 'remove')}</button>
        </div>
      </form>
    </Dialog>
  );
}

/** A code that opens a page of this gateway on a phone. */
export function PhoneDialog(props: { path: string; close: () => void }) {
  const [reach, setReach] = useState<{ page: string; problem: string } | null>(null);
  useEffect(() => void fetchReach().then(setReach, (e: Error) => setReach({ page: '', problem: e.message })), []);
  const url = reach && reach.page ? reach.page + props.path.slice(base.length) : '';
  return (
    <Dialog title={t('onPhone')} close={props.close}>
      <p>{reach && reach.problem ? reach.problem : t('onPhoneText')}</p>
      {url ? <><img class="qr" src={qrURL(url)} alt={url} width="220" height="220" /><CopyRow label={t('address')} text={url} /></> : null}
    </Dialog>
  );
}
