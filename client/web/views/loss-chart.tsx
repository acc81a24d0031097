/** The loss of each step as a line. */
import { useEffect, useRef } from 'preact/hooks';
import UPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';

export function LossChart({ losses, name }: { readonly losses: readonly number[]; readonly name: string }) {
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<UPlot | undefined>(undefined);
  const data: UPlot.AlignedData = [losses.map((_, i) => i + 1), [...losses]];
  useEffect(() => {
    if (!place.current) return;
    const size = { width: place.current.clientWidth || 320, height: 200 };
    const series = [{}, { stroke: '#0172ad', width: 2 }];
    const axis = { stroke: '#7a8090' };
    const options = { ...size, series, axes: [axis, axis], scales: { x: { time: false } } };
    chart.current = new UPlot({ ...options, legend: { show: false } }, data, place.current);
    const width = new ResizeObserver(([entry]) => {
      if (entry) chart.current?.setSize({ width: entry.contentRect.width, height: 200 });
    });
    width.observe(place.current);
    return () => {
      width.disconnect();
      chart.current?.destroy();
    };
  }, []);
  useEffect(() => chart.current?.setData(data), [losses]);
  return (
    <figure>
      <div ref={place} class="chart" role="img" aria-label={name} />
      <figcaption>{name}</figcaption>
    </figure>
  );
}
