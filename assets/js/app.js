// What every page needs. Pages work without it; it spares time and mistakes.
import { announceNotifications } from './lib/announce.js';
import { askBeforeSubmission } from './lib/confirm.js';
import { cleanPastedAddresses } from './lib/pasted-address.js';
import { guardSubmissions } from './lib/submissions.js';
import { offerGoingBack } from './lib/go-back.js';
import { openHeaderMenu } from './lib/header-menu.js';
import { openSideMenu } from './lib/side-menu.js';
import { followValidity } from './lib/validity.js';

openHeaderMenu();
openSideMenu();
offerGoingBack();
askBeforeSubmission();
cleanPastedAddresses();
followValidity();
guardSubmissions();
announceNotifications();
