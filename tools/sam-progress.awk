# What `sam build` says, a line for each thing that is built; warnings and errors pass as they are.
/^Building layer / { gsub(/'/, "", $3); print "   layer " $3; fflush(); next }
/^Building codeuri: / { print "   function " $NF; fflush(); next }
/^$|^\[\*\]|^=+$|^(Starting|Commands|Built|Build Succeeded|Valid cache|Cache is)|: (Running|Current) / { next }
{ print; fflush() }
