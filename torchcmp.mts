import { readFileSync } from 'node:fs';
import { importModel } from './client/graph/import-model.ts';
import { compileTrainStep } from './client/graph/compile-train-step.ts';
import * as ort from 'onnxruntime-node';
const dir='/tmp/w/ops-elementwise-scratch/'; const cases=JSON.parse(readFileSync(dir+'cases.json','utf8'));
let ok=0;
for (const [name,c] of Object.entries<any>(cases)) {
  try {
    const forward=importModel(readFileSync(`${dir}m_${name}.onnx`));
    const step=compileTrainStep(forward,{loss:{type:'mse'},optimizer:{type:'sgd'},batchSize:c.xs[0]} as any);
    const se=await ort.InferenceSession.create(step.bytes);
    const f32=(d: number[],s: number[])=>new ort.Tensor('float32',Float32Array.from(d),s);
    const feeds: any={x:f32(c.x,c.xs),y:f32(c.y,c.ys),weight:f32(Array(c.xs[0]).fill(1),[c.xs[0]]),lr:f32([1],[])};
    const flat=new Map(forward.parameters.map(p=>[p.name,p]));
    for (const n of se.inputNames) if (!feeds[n]) { const p=flat.get(n)!; if(!p) throw new Error('input '+n); feeds[n]=new ort.Tensor('float32',p.data,[...p.shape]); }
    const r=await se.run(feeds);
    let worst=Math.abs((r.loss.data[0] as number)-c.loss)/Math.max(1,c.loss), at='loss', missing=[];
    for (const [n,g] of Object.entries<number[]>(c.g)) { const o=r[n+'_next']; if(!o){missing.push(n);continue;} const d=o.data as Float32Array, p=flat.get(n)!.data; const sc=Math.max(1e-3,...g.map(Math.abs)); g.forEach((v,i)=>{const e=Math.abs(p[i]-d[i]-v)/Math.max(1,sc,Math.abs(p[i])); if(!(e<=worst)){worst=e;at=n;}}); }
    if (worst<2e-6 && !missing.length) ok++; else console.log(name,'worst',worst,at,'missing',missing.join());
  } catch (e: any) { console.log(name,'ERR',e.message.slice(0,260).replace(/supported.*/,'')); }
}
console.log('ok',ok,'of',Object.keys(cases).length);
