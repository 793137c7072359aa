package sim
import ("testing";"fmt";"time")
func TestTrace(t *testing.T){
	sc,_:=Find("live"); sc.Warmup=0; sc.Duration=16*time.Second
	startHook = func(w *world){
		for at:=int64(5.5e9); at<20e9; at+=500e6 { at:=at; w.at(at, func(){
			fmt.Printf("%.2f src %s sent %d up %dk\n", float64(at)/1e9, w.source.engine.Debug(), w.source.engine.Counters().ChunksSent, w.source.sentBytes>>10)
			for _,k:=range []int{1,5,9} { if k<len(w.hosts) {h:=w.hosts[k]; fmt.Printf("     h%d %s upq %d ms\n", k, h.engine.Debug(), (h.upFree-w.now)/1e6)
			if at>14e9 && at<14.6e9 {fmt.Println(h.engine.DebugPeers())}
			}}
		})}
	}
	Run(sc,1)
}
