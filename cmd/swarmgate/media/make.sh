#!/bin/sh
# Makes channel.ts and film.mp4, the media that `swarmgate demo` shows, from
# ffmpeg's own generators: nothing in them belongs to anybody else.
#
# Debian packages: ffmpeg fonts-dejavu-core
# Usage: cmd/swarmgate/media/make.sh [FOLDER]     (default: the script's own)
#
# README.md beside this script describes the barcode that both carry.
# The variables that hold several options are split on purpose.
# shellcheck disable=SC2086
set -eu

out=${1:-$(dirname "$0")}
fonts=/usr/share/fonts/truetype/dejavu
command -v ffmpeg >/dev/null || { echo "make.sh: no ffmpeg: apt-get install ffmpeg" >&2; exit 1; }
[ -f $fonts/DejaVuSans-Bold.ttf ] || { echo "make.sh: no DejaVu fonts: apt-get install fonts-dejavu-core" >&2; exit 1; }

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
exact="-map_metadata -1 -fflags +bitexact -flags:v +bitexact -flags:a +bitexact -threads 1"
run() { ffmpeg -nostdin -hide_banner -loglevel error -y "$@"; }

# Frame n, plus a base that tells the two apart, as 14 squares of 16x16 whose
# left upper corners are (208+16k, 320): bit k of the number, white for 1.
barcode() { # base
	printf ',drawbox=x=204:y=316:w=232:h=24:color=0x0b1020:t=fill,drawbox=x=208:y=320:w=224:h=16:color=black:t=fill'
	k=0
	while [ $k -lt 14 ]; do
		printf ",drawbox=x=%d:y=320:w=16:h=16:color=white:t=fill:enable='gte(mod(n+%d\\,%d)\\,%d)'" \
			$((208 + 16 * k)) "$1" $((1 << (k + 1))) $((1 << k))
		k=$((k + 1))
	done
}

text() { # font size colour x y text
	printf ",drawtext=fontfile=$fonts/%s.ttf:fontsize=%d:fontcolor=%s:x=%s:y=%s:shadowcolor=black@0.5:shadowx=2:shadowy=2:text='%s'" "$@"
}

# A slow arpeggio over four chords of 6 s; it repeats after exactly 24 s.
tune() { # transposition in half-tones
	printf "aevalsrc=sample_rate=48000:channel_layout=mono:duration=72:exprs='"
	printf 'st(0,mod(t,24));st(1,floor(ld(0)*2));st(2,ld(0)-ld(1)/2);'
	printf 'st(3,mod(ld(1),6));st(3,if(gt(ld(3),3),6-ld(3),ld(3)));st(4,floor(ld(1)/12));'
	printf 'st(5,%d+if(eq(ld(4),0),0,if(eq(ld(4),1),-3,if(eq(ld(4),2),-7,-5))));' "$1"
	printf 'st(6,ld(5)+if(eq(ld(3),0),0,if(eq(ld(3),1),if(eq(ld(4),1),3,4),if(eq(ld(3),2),7,12))));'
	printf 'st(7,2*PI*262*pow(2,ld(6)/12)*ld(2));st(8,mod(ld(0),6));st(9,2*PI*131*pow(2,ld(5)/12)*ld(8));'
	printf '0.16*min(1,ld(2)*90)*exp(-5*ld(2))*(1-2*ld(2))*(sin(ld(7))+0.3*sin(2*ld(7)))'
	printf "+0.07*pow(sin(PI*ld(8)/6),2)*(sin(ld(9))+0.5*sin(1.5*ld(9)))'"
}

# The encoder's first and last frames hold silence of its own. The middle 1125
# frames (24 s) of three rounds do not, so that the loop closes without a click.
sound() { # transposition bitrate output
	run -f lavfi -i "$(tune "$1")" -c:a aac -b:a "$2" $exact -f adts "$tmp/rounds.aac"
	run -i "$tmp/rounds.aac" -c copy -bsf:a "noise=drop='lt(n\,1126)+gte(n\,2251)'" $exact -f adts "$3"
}

# The gradient turns once in the 600 frames (2 pi / 600 a frame), and the line
# at the foot crosses the picture once.
picture() { # gradient, line colour, barcode base, text filters
	printf '%s:nb_colors=4:seed=7:speed=0.010471976:size=640x360:rate=25:duration=24,format=yuv420p' "$1"
	printf ',drawbox=x=0:y=288:w=640:h=72:color=0x141a2b:t=fill%s' "$4"
	barcode "$3"
	printf '[a];color=%s:size=640x4:rate=25:duration=24[b];' "$2"
	printf '[a][b]overlay=x=-640+640*(n+1)/600:y=284:eval=frame'
}

clock='%{pts\:gmtime\:0\:%M\\\:%S}'
right='w-tw-32'
x264="-c:v libx264 -preset veryslow -profile:v main -pix_fmt yuv420p -sc_threshold 0 -c:a copy"

sound 0 28k "$tmp/channel.aac"
run -f lavfi -i "$(picture 'gradients=c0=0x0f766e:c1=0x1d4ed8:c2=0x7c3aed:c3=0x0e7490:x0=0:y0=0:x1=639:y1=359' \
	0x5eead4 0 "$(
	text DejaVuSans-Bold 68 white '(w-tw)/2' 88 Swarmgate
	text DejaVuSans 30 white '(w-tw)/2' 176 'Live channel'
	text DejaVuSansMono-Bold 30 white 32 316 "$clock"
	text DejaVuSans-Bold 22 0x5eead4 "$right" 319 'LIVE'
)")" -i "$tmp/channel.aac" $x264 -g 25 -keyint_min 25 -bf 0 -crf 32 $exact "$tmp/channel.mkv"
run -i "$tmp/channel.mkv" -c copy $exact -muxpreload 0.1 -muxdelay 0.1 -pcr_period 40 -pes_payload_size 520 \
	-pat_period 1 -sdt_period 2 -metadata service_provider=Swarmgate -metadata service_name='Live channel' \
	-f mpegts "$out/channel.ts"

sound 5 32k "$tmp/film.aac"
run -f lavfi -i "$(picture 'gradients=type=radial:c0=0xfcd34d:c1=0xf97316:c2=0xbe185d:c3=0x312e81:x0=440:y0=110:x1=0:y1=359' \
	0xfbbf24 8192 "$(
	text DejaVuSerif-Bold 60 white 48 72 'The Film'
	text DejaVuSerif 26 white 50 152 'fetched piece by piece,'
	text DejaVuSerif 26 white 50 186 'checked before it is shown'
	text DejaVuSansMono-Bold 30 white 32 316 "$clock"
	text DejaVuSans 22 0xfbbf24 "$right" 318 'of 00\:24'
)")" -i "$tmp/film.aac" $x264 -g 50 -keyint_min 50 -bf 2 -crf 31 $exact -movflags +faststart "$out/film.mp4"
