/**
 * Loaded into a node before its own code (`node --import`): the process kills itself in the middle of its work.
 *
 * HANSE_KILL_NODE_AT names the moment: `training`, when it has fetched the model and the first steps have begun;
 * `uploading`, when half of its update has left; `acknowledged`, when the receipt has come and nobody has read it.
 * Nothing of it is in the product.
 */
import { ClientRequest } from 'node:http';
import { Trainer } from '../../dist/client/engine/trainer.js';

const moment = process.env.HANSE_KILL_NODE_AT;
const die = () => process.kill(process.pid, 'SIGKILL');

const { train } = Trainer.prototype;
if (moment === 'training')
  Trainer.prototype.train = function (request) {
    const training = train.call(this, request);
    die();
    return training;
  };

const { end } = ClientRequest.prototype;
ClientRequest.prototype.end = function (body, ...rest) {
  const isUpdate = this.method === 'PUT' && this.path.endsWith('/update');
  if (isUpdate && moment === 'acknowledged') this.prependListener('response', die);
  if (isUpdate && moment === 'uploading') return this.write(body.subarray(0, body.length / 2), die);
  return end.call(this, body, ...rest);
};
