// Why the gateway will not do something; who lacks the password is let sign in.

import { askPassword, type Refused } from '../api';
import { t } from './words';

export function Problem({ reason }: { reason: Refused }) {
  return (
    <div class="note problem" role="alert">
      <p>{reason.status === 401 ? t('members') : reason.message}</p>
      {reason.status === 401 ? <button class="button main" data-nav onClick={askPassword}>{t('signIn')}</button> : null}
    </div>
  );
}
