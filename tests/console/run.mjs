// All checks of the console in a browser, one after the other. tests/it/console.rs starts central and this.

import './login.mjs';
import './sessions.mjs';
import './clusters.mjs';
import './add.mjs';
import './users.mjs';
import './roles.mjs';
import './account.mjs';
import './audit.mjs';
import './viewer.mjs';
import './hostile.mjs';
import './policy.mjs';
import './look.mjs';
