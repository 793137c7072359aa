// What the views of the gateway (owner/), a script of their own, take from this one, by the names under which they import it.

import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { Fragment, jsx, jsxs } from 'preact/jsx-runtime';
import * as api from './api';
import * as copy from './copy';
import * as i18n from './i18n';
import * as icons from './icons';
import * as keys from './keys';
import * as route from './route';
import * as toast from './toast';
import * as viewlink from './viewlink';

export const shared = {
  'preact/hooks': { useEffect, useLayoutEffect, useRef, useState },
  'preact/jsx-runtime': { Fragment, jsx, jsxs },
  '../api': api,
  '../copy': copy,
  '../i18n': i18n,
  '../icons': icons,
  '../keys': keys,
  '../route': route,
  '../toast': toast,
  '../viewlink': viewlink,
};
