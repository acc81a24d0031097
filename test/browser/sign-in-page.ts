/** The page on which people sign in, where the bundle of a test has put it. */
const app = document.createElement('div');
app.id = 'app';
document.body.append(app);
document.title = 'Hanse: sign in';
await import('../../client/web/sign-in.tsx');
